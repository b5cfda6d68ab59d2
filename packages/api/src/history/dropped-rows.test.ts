import { expect, test } from 'vitest';
import { DroppedRows } from './dropped-rows.ts';

const [one, other] = [
  '6f6a1a52-5a5e-4d1c-9d3e-0a3c3b0a7a11',
  '6f6a1a52-5a5e-4d1c-9d3e-0a3c3b0a7a12',
] as const;

test('rows count for five minutes after they were dropped', () => {
  const dropped = new DroppedRows(one);
  dropped.count(0, 0);
  expect(dropped.news()).toBeNull();
  dropped.count(40, 5000);
  dropped.count(40, 10_000);
  expect(dropped.news()).toEqual({ instance: one, rows: 40 });
  dropped.count(45, 304_000);
  expect(dropped.everywhere(304_000)).toBe(45);
  dropped.count(45, 305_000);
  expect(dropped.everywhere(305_000)).toBe(5);
  dropped.count(45, 700_000);
  expect(dropped.news()).toBeNull();
});

test('I-ALERT-9: the console that judges knows of rows that another one has dropped, for as long as that one tells of them', () => {
  const [judging, losing] = [new DroppedRows(one), new DroppedRows(other)];
  judging.count(0, 0);
  losing.count(0, 0);
  losing.count(7, 5000);
  judging.hear(losing.news(), 5000);
  judging.hear(losing.news(), 10_000);
  expect([judging.everywhere(10_000), judging.news()]).toEqual([7, null]);
  for (const raw of [
    null,
    { instance: one, rows: 9 },
    { instance: 'x', rows: 1 },
    { instance: other, rows: -1 },
  ])
    judging.hear(raw, 10_000);
  expect(judging.everywhere(40_000)).toBe(7);
  expect(judging.everywhere(40_001)).toBe(0);
});
