import { expect, test } from 'vitest';
import { isServed } from './kept-wal.ts';

const segmentBytes = 16 * 1024 * 1024;
const fork = (timeline: number, endLsn: string) => ({ timeline, endLsn });

test('I-FOLLOW-2: a standby that missed two promotions within one segment is told that its WAL is gone', () => {
  const past = [fork(7, '0/4010000'), fork(8, '0/4020000')];
  const kept = { timeline: 9, past, segmentBytes, names: ['000000090000000000000004'] };
  // PostgreSQL would look for 000000080000000000000004, which became .partial.
  expect(isServed(kept, '0/4002000')).toBe(false);
  expect(isServed({ ...kept, names: [...kept.names, '000000080000000000000004'] }, '0/4002000')).toBe(true);
  // From the timeline before it goes on to the one of today.
  expect(isServed(kept, '0/4010000')).toBe(true);
  expect(isServed(kept, '0/4030000')).toBe(true);
});

test('I-FOLLOW-2: one promotion, or two in different segments, keep nobody away', () => {
  const one = {
    timeline: 8,
    past: [fork(7, '0/4010000')],
    segmentBytes,
    names: ['000000080000000000000004'],
  };
  expect(isServed(one, '0/4002000')).toBe(true);
  const past = [fork(7, '0/4010000'), fork(8, '0/6020000')];
  const names = ['000000080000000000000004', '000000080000000000000005', '000000090000000000000006'];
  expect(isServed({ timeline: 9, past, segmentBytes, names }, '0/4002000')).toBe(true);
  expect(isServed({ timeline: 9, past: [], segmentBytes, names }, '0/4002000')).toBe(true);
});
