import { expect, test } from 'vitest';
import { RateLimit } from './rate-limit.ts';

test('a burst passes, then as many as flow in, and one caller does not hold up another', () => {
  const limit = new RateLimit({ burst: 3, perSecond: 0.5 });
  expect([0, 1, 2].map(() => limit.take('a', 1000))).toEqual([0, 0, 0]);
  expect(limit.take('a', 1000)).toBe(2);
  expect(limit.take('b', 1000)).toBe(0);
  expect(limit.take('a', 3000)).toBe(0);
  expect(limit.take('a', 3000)).toBe(2);
});

test('what asks for several things at once passes, and is paid for afterwards', () => {
  const limit = new RateLimit({ burst: 2, perSecond: 1 });
  expect(limit.take('a', 0, 5)).toBe(0);
  expect(limit.take('a', 0)).toBe(4);
  expect(limit.take('a', 4000)).toBe(0);
});

test('a clock that is set back gives nothing and takes nothing', () => {
  const limit = new RateLimit({ burst: 1, perSecond: 1 });
  expect(limit.take('a', 10_000)).toBe(0);
  expect(limit.take('a', 0)).toBe(1);
  expect(limit.take('a', 1000)).toBe(0);
});

test('it remembers a bounded number of callers', () => {
  const limit = new RateLimit({ burst: 1, perSecond: 0.001 });
  limit.take('first', 0);
  for (let at = 0; at < 10_000; at += 1) limit.take(`caller ${at}`, 0);
  expect(limit.take('first', 0)).toBe(0);
});
