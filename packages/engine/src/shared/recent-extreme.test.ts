import { expect, test } from 'vitest';
import { RecentExtreme } from './recent-extreme.ts';

test('the largest value of the last half minute is known, whichever came last', () => {
  const recent = new RecentExtreme('max');
  expect(recent.value(0)).toBeNull();
  recent.note(40, 1000);
  recent.note(7, 2000);
  recent.note(12, 24_000);
  expect(recent.value(25_000)).toBe(40);
});

test('a value is forgotten after half a minute', () => {
  const recent = new RecentExtreme('max');
  recent.note(40, 1000);
  recent.note(12, 24_000);
  expect(recent.value(36_000)).toBe(12);
  expect(recent.value(90_000)).toBeNull();
});

test('the smallest value can be kept as well', () => {
  const recent = new RecentExtreme('min');
  recent.note(3000, 1000);
  recent.note(900, 1500);
  recent.note(2000, 9000);
  expect(recent.value(9000)).toBe(900);
});
