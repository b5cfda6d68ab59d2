import { describe, expect, test } from 'vitest';
import { clientAddressOf, networkOf, parseNetworks } from './client-address.ts';

const proxies = parseNetworks('10.0.0.0/8, 192.0.2.7, fd00::/8');
const from = (peer: string, forwardedFor?: string, trusted = proxies) =>
  clientAddressOf({ peer, forwardedFor }, trusted);

describe('I-API-4: where a request comes from', () => {
  test('is what its connection says, whatever it says itself', () => {
    expect(from('203.0.113.9', '198.51.100.1')).toBe('203.0.113.9');
    expect(from('10.0.0.1', '198.51.100.1', null)).toBe('10.0.0.1');
    expect(from('::ffff:203.0.113.9')).toBe('203.0.113.9');
  });

  test('is what a trusted proxy says', () => {
    expect(from('10.0.0.1', '198.51.100.1')).toBe('198.51.100.1');
    expect(from('::ffff:10.0.0.1', '[2001:db8::1]:4711')).toBe('2001:db8::1');
    expect(from('fd00::1', '198.51.100.1:4711')).toBe('198.51.100.1');
  });

  test('is not what the client wrote before the proxy did', () => {
    expect(from('10.0.0.1', '127.0.0.1, 10.9.9.9, 198.51.100.1')).toBe('198.51.100.1');
    expect(from('10.0.0.1', '1.1.1.1, 198.51.100.1, 192.0.2.7')).toBe('198.51.100.1');
  });

  test('is the last known one where the header holds nonsense, or nothing', () => {
    expect(from('10.0.0.1', 'unknown')).toBe('10.0.0.1');
    expect(from('10.0.0.1', 'evil, , 192.0.2.7')).toBe('192.0.2.7');
    expect(from('10.0.0.1')).toBe('10.0.0.1');
    expect(from('10.0.0.1', Array.from({ length: 1000 }, () => '10.1.1.1').join(','))).toBe('10.1.1.1');
  });
});

test('a stranger is counted by address, with IPv6 by his whole network', () => {
  expect(networkOf('203.0.113.9')).toBe('203.0.113.9');
  expect(networkOf('2001:db8:1:2:3:4:5:6')).toBe('2001:db8:1:2::/64');
  expect(networkOf('2001:DB8:1:2::6')).toBe('2001:db8:1:2::/64');
  expect(networkOf('2001:db8::6')).toBe('2001:db8:0:0::/64');
  expect(networkOf('fe80::1%eth0')).toBe('fe80:0:0:0::/64');
  expect(networkOf('::1')).toBe('0:0:0:0::/64');
  expect(networkOf('unknown')).toBe('unknown');
});

test('networks that are none are refused', () => {
  expect(
    ['10.0.0.0/33', 'example.com', '10.0.0.0/8/8', '10.0.0.0/x', '300.1.1.1'].map(parseNetworks),
  ).toEqual([null, null, null, null, null]);
  expect(parseNetworks('')?.rules).toEqual([]);
});
