import { expect, test } from 'vitest';
import { sealLimits } from './round.ts';

test('I-LIVE-1: rounds that came to nothing give electors more time, up to a bound', () => {
  expect(sealLimits(2000, 0)).toEqual({ deadlineMs: 2000, patienceMs: 1500 });
  expect(sealLimits(2000, 1)).toEqual(sealLimits(2000, 0));
  expect(sealLimits(2000, 2)).toEqual({ deadlineMs: 4000, patienceMs: 3000 });
  expect(sealLimits(2000, 1000)).toEqual({ deadlineMs: 10_000, patienceMs: 7500 });
});
