import { expect, test } from 'vitest';
import { usualAddress } from './enrol-host.ts';

test('only a host beside its console need not say where others reach it', () => {
  for (const url of ['http://127.0.0.1:3000', 'http://localhost:3000', 'http://[::1]:3000'])
    expect(usualAddress(url)).toBe('127.0.0.1');
  expect(() => usualAddress('https://console.example.com')).toThrow(/--address is missing/);
  expect(() => usualAddress('console')).toThrow(/--address is missing/);
});
