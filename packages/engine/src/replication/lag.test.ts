import { expect, test } from 'vitest';
import { LagRing } from './lag.ts';

test('a standby that has everything lags by nothing, however long the primary has been idle', () => {
  const ring = new LagRing();
  ring.record('0/100', 1_000);
  expect(ring.lagMs('0/100', { lsn: '0/100', atMs: 900_000 })).toBe(0);
  expect(ring.lagMs('0/200', { lsn: '0/100', atMs: 900_000 })).toBe(0);
});

test('a stopped standby’s lag grows with the clock', () => {
  const ring = new LagRing();
  ring.record('0/100', 1_000);
  ring.record('0/200', 2_000);
  ring.record('0/200', 3_000);
  expect(ring.lagMs('0/100', { lsn: '0/200', atMs: 3_000 })).toBe(1_000);
  expect(ring.lagMs('0/180', { lsn: '0/200', atMs: 60_000 })).toBe(58_000);
});

test('a standby further behind than the ring reaches lags by at least the ring’s age', () => {
  const ring = new LagRing(3);
  for (let step = 1; step <= 10; step += 1) ring.record(`0/${step}00`.replace('/10', '/A'), step * 1_000);
  expect(ring.lagMs('0/1', { lsn: '0/A00', atMs: 10_000 })).toBe(2_000);
});

test('positions of an earlier reign are forgotten', () => {
  const ring = new LagRing();
  ring.record('0/900', 1_000);
  ring.record('0/500', 2_000);
  expect(ring.lagMs('0/400', { lsn: '0/500', atMs: 5_000 })).toBe(3_000);
});

test('nothing sampled, nothing said', () => {
  expect(new LagRing().lagMs('0/1', { lsn: '0/2', atMs: 0 })).toBeNull();
});
