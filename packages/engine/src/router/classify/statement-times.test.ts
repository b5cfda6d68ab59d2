import { expect, it } from 'vitest';
import { StatementTimes } from './statement-times.ts';

const limitMs = 5;

/** Runs one after the other; each takes as long as it does where it runs. @returns the share that was shared */
function run(
  times: StatementTimes,
  runs: number,
  took: (isShared: boolean, index: number) => number,
): number {
  let shared = 0;
  for (let index = 0; index < runs; index++) {
    const isShared = times.mayShare(limitMs);
    if (isShared) shared++;
    times.ran(took(isShared, index), isShared);
  }
  return shared / runs;
}

it('lets share what has been quick a few times', () => {
  const times = new StatementTimes();
  expect(times.mayShare(limitMs)).toBe(false);
  run(times, 3, () => 0.1);
  expect(times.mayShare(limitMs)).toBe(true);
});

it('lets share what looks slow only because of everything that runs beside it', () => {
  const times = new StatementTimes();
  // The machine is full: by itself it takes 8 ms, and now and then much more.
  expect(run(times, 2000, (isShared, index) => (isShared ? 0.1 : index % 50 === 0 ? 60 : 8))).toBeGreaterThan(
    0.75,
  );
});

it('does not hold one stall against it', () => {
  const times = new StatementTimes();
  run(times, 100, () => 0.1);
  times.ran(200, true);
  expect(run(times, 100, () => 0.1)).toBeGreaterThan(0.5);
});

it('does not let share, but for a trial now and then, what is slow for some values', () => {
  const times = new StatementTimes();
  run(times, 1000, (_, index) => (index % 10 === 9 ? 50 : 0.5));
  expect(run(times, 10_000, (_, index) => (index % 10 === 9 ? 50 : 0.5))).toBeLessThan(0.02);
});

it('never tries what is slow by itself', () => {
  const times = new StatementTimes();
  expect(run(times, 2000, () => 50)).toBe(0);
});

it('shares again once it has become quick', () => {
  const times = new StatementTimes();
  run(times, 2000, (_, index) => (index % 10 === 9 ? 50 : 0.5));
  run(times, 80_000, () => 0.5);
  expect(run(times, 100, () => 0.5)).toBe(1);
});

it('stands in lines as long as one may take', () => {
  const times = new StatementTimes();
  run(times, 200, () => 0.5);
  expect(times.placesInLine(limitMs)).toBe(10);
  run(times, 2000, () => 2);
  expect(times.placesInLine(limitMs)).toBe(2);
});

it('does not shorten its lines because three runs of four wait for a busy machine', () => {
  const times = new StatementTimes();
  run(times, 4000, (_, index) => (index % 10 < 3 ? 0.1 : 4));
  expect(times.placesInLine(limitMs)).toBeGreaterThan(40);
});
