import { expect, test } from 'vitest';
import type { Overview } from '../backups/prepare.ts';
import { noteworthy, stretchAt, timeLineOf, windowOf } from './time-line.ts';

const interval = (from: number, to: number) => ({
  ...{ timeline: 2, fromLsn: `0/${from}`, toLsn: `0/${to}`, fromMs: from, toMs: to },
  ...{ labels: ['a'], isAbandoned: false },
});
const overview = {
  repository: {
    intervals: [interval(1000, 5000), interval(9000, 20_000)],
    gaps: [
      {
        ...{ timeline: 2, fromWal: 'A', toWal: 'B', segments: 2, afterLsn: '0/5000' },
        ...{ resumesWith: 'b', kind: 'missing', damaged: [] },
      },
    ],
    backups: [{ label: 'a', stopMs: 0, unusable: null }],
  },
  points: [{ name: 'before', lsn: '0/1', timeline: 2, atMs: 12_000, by: 'anna', isLost: false }],
} as unknown as Overview;
const events = [
  { id: 7, at: new Date(15_000).toISOString(), kind: 'primary-open', message: 'node-2 is primary' },
  { id: 8, at: new Date(16_000).toISOString(), kind: 'backup-ended', message: 'done' },
];

function line() {
  const found = timeLineOf(overview, events, 30_000);
  if (!found) throw new Error('there is no line');
  return found;
}

test('the line has every stretch, names the gap between them and what is not archived yet', () => {
  expect(line().stretches.map(({ kind, fromMs, toMs }) => [kind, fromMs, toMs])).toEqual([
    ['restorable', 1000, 5000],
    ['gap', 5000, 9000],
    ['restorable', 9000, 20_000],
    ['not-archived', 20_000, 30_000],
  ]);
  expect(line().stretches[1]?.words).toBe('2 segments of WAL are missing: A to B');
});

test('what lies behind a damaged segment is a gap to the end, not what is still to arrive', () => {
  const gap = { segments: 1, fromWal: 'C', toWal: 'C', afterLsn: '0/20000', kind: 'missing', damaged: ['C'] };
  const repository = { ...overview.repository, gaps: [gap] };
  const cut = timeLineOf({ ...overview, repository } as unknown as Overview, events, 30_000);
  expect(cut?.stretches.at(-1)).toMatchObject({
    ...{ kind: 'gap', fromMs: 20_000, toMs: 30_000, words: '1 segment of WAL is damaged: C' },
  });
});

test('a moment in a gap, or after the newest commit, is not restorable', () => {
  expect(stretchAt(line(), 4999)?.kind).toBe('restorable');
  expect(stretchAt(line(), 5000)?.kind).toBe('gap');
  expect(stretchAt(line(), 20_000)?.kind).toBe('not-archived');
  expect(stretchAt(line(), 0)).toBeNull();
});

test('failovers, named points and backups are marked, in order', () => {
  expect(line().marks.map(({ kind, atMs }) => [kind, atMs])).toEqual([
    ['backup', 1000],
    ['point', 12_000],
    ['failover', 15_000],
  ]);
  expect(noteworthy(line(), 12_000, 1)).toBe(15_000);
  expect(noteworthy(line(), 12_000, -1)).toBe(9000);
  expect(noteworthy(line(), 1000, -1)).toBeNull();
});

test('a window stays on the line', () => {
  expect(windowOf(line(), 4000, 2000)).toEqual({ fromMs: 1000, toMs: 5000 });
  expect(windowOf(line(), 4000, 29_000)).toEqual({ fromMs: 26_000, toMs: 30_000 });
  expect(windowOf(line(), null, 2000)).toEqual({ fromMs: 1000, toMs: 30_000 });
});

test('without a backup that leads anywhere there is no line', () => {
  const empty = { ...overview, repository: null } as Overview;
  expect(timeLineOf(empty, events, 30_000)).toBeNull();
});
