import { expect, test } from 'vitest';
import { commonHeaders, newNonce, pagePolicy } from './security-headers.ts';

test('only what is reached by https promises to stay so', () => {
  expect(commonHeaders('https://console.example.com')['strict-transport-security']).toBe('max-age=31536000');
  expect(commonHeaders('http://127.0.0.1:3000')).not.toHaveProperty('strict-transport-security');
});

test('a page runs its own scripts and those of its nonce, and no other site frames it', () => {
  const policy = pagePolicy('https://console.example.com', 'abc');
  expect(policy).toContain("script-src 'self' 'nonce-abc';");
  expect(policy).toContain("frame-ancestors 'none'");
  expect(policy).toContain("connect-src 'self' wss://console.example.com;");
  expect(/script-src[^;]*unsafe/.test(policy)).toBe(false);
  expect(newNonce()).not.toBe(newNonce());
});
