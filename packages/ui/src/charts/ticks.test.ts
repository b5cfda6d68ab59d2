import { expect, it } from 'vitest';
import { ticksUpTo } from './ticks.ts';

const mega = 1024 ** 2;

it('a scale has round numbers and reaches above every value', () => {
  expect(ticksUpTo(5, false)).toEqual([0, 2, 4, 6]);
  expect(ticksUpTo(20.9, false)).toEqual([0, 10, 20, 30]);
  expect(ticksUpTo(1, false)).toEqual([0, 0.5, 1]);
  expect(ticksUpTo(0.3, false)).toEqual([0, 0.1, 0.2, 0.3]);
  expect(ticksUpTo(3333, false)).toEqual([0, 1000, 2000, 3000, 4000]);
  for (const max of [0.07, 3, 17, 999, 12_345])
    expect(ticksUpTo(max, false).at(-1)).toBeGreaterThanOrEqual(max);
});

it('bytes are counted in round numbers of their unit', () => {
  expect(ticksUpTo(16 * mega, true)).toEqual([0, 5, 10, 15, 20].map((each) => each * mega));
  expect(ticksUpTo(700, true)).toEqual([0, 200, 400, 600, 800]);
});

it('nothing is a scale too', () => {
  expect(ticksUpTo(0, true)).toEqual([0, 1]);
  expect(ticksUpTo(Number.NaN, false)).toEqual([0, 1]);
});
