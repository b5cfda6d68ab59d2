import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { ReportQueue } from './report-queue.ts';

test('I-BOARD-2: of the reports of a host that wait only the newest is looked at, in the place of the first', async () => {
  const taken: unknown[] = [];
  const queue = new ReportQueue((host, { report }) => taken.push([host, report]));
  expect(queue.add('a', { report: 1, answer: null })).toBe(false);
  expect(queue.add('b', { report: 1, answer: null })).toBe(false);
  expect(queue.add('a', { report: 2, answer: null })).toBe(true);
  await nextTurn();
  expect(taken).toEqual([
    ['a', 2],
    ['b', 1],
  ]);
});

test('I-BOARD-5: whoever asks gets a turn between reports that wait, however many do', async () => {
  const taken: string[] = [];
  const queue = new ReportQueue((host) => {
    taken.push(host);
    for (const untilMs = performance.now() + 1; performance.now() < untilMs; );
  });
  for (let host = 0; host < 50; host += 1) queue.add(`host-${host}`, { report: {}, answer: null });
  await nextTurn();
  expect(taken.length).toBeLessThan(10);
  await expect.poll(() => taken.length).toBe(50);
});
