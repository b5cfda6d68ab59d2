import { expect, test } from 'vitest';
import { Refusals } from './refusals.ts';

test('of many refusals of one caller some are written, and the next one says how many were not', () => {
  const refusals = new Refusals({ burst: 2, perSecond: 1 });
  const told = [0, 0, 0, 0, 1000, 2000].map((nowMs) => refusals.admit('a', nowMs));
  expect(told).toEqual([0, 0, null, null, 2, 0]);
  expect(refusals.admit('b', 0)).toBe(0);
});
