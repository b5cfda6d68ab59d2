import { expect, it } from 'vitest';
import { withGaps } from './gaps.ts';

it('draws no line across the time in which nothing was told', () => {
  const at = (...moments: number[]) => moments.map((atMs) => ({ atMs, lag: 1 }));
  expect(withGaps(at(0, 5, 10, 15))).toEqual(at(0, 5, 10, 15));
  expect(withGaps(at(0, 5, 10, 50, 55))).toEqual([...at(0, 5, 10), { atMs: 30 }, ...at(50, 55)]);
  expect(withGaps(at(0, 5, 15)), 'one that is missing').toEqual(at(0, 5, 15));
  expect(withGaps([])).toEqual([]);
  expect(withGaps(at(7))).toEqual(at(7));
});
