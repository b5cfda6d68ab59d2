import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { TimelineRecord, WalPosition } from '../contract/cluster-state.ts';
import { formatLsn } from './lsn.ts';
import {
  ancestryOf,
  compareWalPositions,
  forkPointOf,
  historyOf,
  judgeHistory,
  type TimelineHistory,
} from './timeline-history.ts';

function record(
  id: number,
  parentId: number | null,
  forkLsn: string | null,
  status?: TimelineRecord['status'],
) {
  return { id, parentId, forkLsn, epoch: id, status: status ?? 'recorded' } satisfies TimelineRecord;
}

const at = (timeline: number, lsn: string): WalPosition => ({ timeline, lsn });

/** 1 → 2 at 80, 2 → 4 at A0; 3 was granted and left 2 at 90, and was abandoned. */
const history: TimelineHistory = {
  current: 4,
  timelines: [
    record(1, null, null),
    record(2, 1, '0/80'),
    record(3, 2, '0/90', 'abandoned'),
    record(4, 2, '0/A0'),
  ],
};

test('the ancestry leads from a timeline down to the first', () => {
  expect(ancestryOf(4, history.timelines).map((each) => each.id)).toEqual([4, 2, 1]);
  expect(forkPointOf(1, history)).toBe('0/80');
  expect(forkPointOf(2, history)).toBe('0/A0');
  expect(forkPointOf(4, history)).toBeNull();
  expect(forkPointOf(3, history)).toBeNull();
});

test('a history names the timelines before, the oldest first, and none while a fork is not recorded', () => {
  expect(historyOf(4, history.timelines)).toEqual([
    { timeline: 1, endLsn: '0/80' },
    { timeline: 2, endLsn: '0/A0' },
  ]);
  expect(historyOf(1, history.timelines)).toEqual([]);
  expect(historyOf(5, [...history.timelines, record(5, 4, null, 'allocated')])).toEqual([]);
});

test('a damaged record that names itself or a younger parent ends the ancestry', () => {
  expect(ancestryOf(2, [record(2, 2, '0/1')]).map((each) => each.id)).toEqual([2]);
  expect(ancestryOf(2, [record(2, 3, '0/1'), record(3, 2, '0/1')]).map((each) => each.id)).toEqual([2]);
});

describe('judging a node’s WAL', () => {
  test('it is contained on the current timeline and before each fork', () => {
    expect(judgeHistory(at(4, '0/FFFF'), history)).toEqual({ kind: 'contained' });
    expect(judgeHistory(at(2, '0/A0'), history)).toEqual({ kind: 'contained' });
    expect(judgeHistory(at(1, '0/80'), history)).toEqual({ kind: 'contained' });
  });

  test('it has diverged when it goes on beyond the fork', () => {
    expect(judgeHistory(at(2, '0/A8'), history)).toEqual({ kind: 'diverged', forkLsn: '0/A0', timeline: 2 });
    expect(judgeHistory(at(1, '0/81'), history)).toEqual({ kind: 'diverged', forkLsn: '0/80', timeline: 1 });
  });

  test('on an abandoned timeline it parts where the earlier of the two forks is', () => {
    expect(judgeHistory(at(3, '0/98'), history)).toEqual({ kind: 'diverged', forkLsn: '0/90', timeline: 2 });
  });

  test('nothing is said about a timeline nobody knows, nor while the fork is not recorded', () => {
    expect(judgeHistory(at(7, '0/1'), history)).toEqual({ kind: 'unknown-timeline' });
    const granted = { current: 5, timelines: [...history.timelines, record(5, 4, null, 'allocated')] };
    expect(judgeHistory(at(4, '0/B0'), granted)).toEqual({ kind: 'unknown-timeline' });
    expect(judgeHistory(at(5, '0/B0'), granted)).toEqual({ kind: 'contained' });
  });
});

describe('ordering ends of WAL', () => {
  test('a returned old primary does not beat its successor with WAL beyond the fork', () => {
    const two = { current: 2, timelines: [record(1, null, null), record(2, 1, '0/80')] };
    expect(compareWalPositions(at(1, '0/100'), at(2, '0/90'), two)).toBeLessThan(0);
    expect(compareWalPositions(at(1, '0/70'), at(2, '0/90'), two)).toBeLessThan(0);
    expect(compareWalPositions(at(1, '0/100'), at(1, '0/90'), two)).toBe(0);
  });

  test('whoever has been on the granted but unrecorded timeline is ahead of everybody else', () => {
    const granted = { current: 4, timelines: [...history.timelines, record(5, 4, null, 'allocated')] };
    expect(compareWalPositions(at(5, '0/B0'), at(4, '0/C0'), granted)).toBeGreaterThan(0);
    expect(compareWalPositions(at(5, '0/B0'), at(4, '0/C0'), { ...granted, current: 5 })).toBeGreaterThan(0);
    expect(compareWalPositions(at(1, '0/FF'), at(2, '0/90'), { ...granted, current: 5 })).toBeLessThan(0);
  });

  test('a timeline nobody knows proves nothing', () => {
    expect(compareWalPositions(at(9, 'F/0'), at(1, '0/1'), history)).toBeLessThan(0);
  });
});

/** A chain of timelines with growing forks, some of them with an abandoned sibling. */
const histories = fc
  .array(fc.record({ step: fc.integer({ min: 1, max: 50 }), sibling: fc.boolean() }), {
    minLength: 1,
    maxLength: 5,
  })
  .map((steps): TimelineHistory => {
    const timelines = [record(1, null, null)];
    let parent = 1;
    let fork = 0;
    for (const { step, sibling } of steps) {
      if (sibling) {
        timelines.push(record(timelines.length + 1, parent, formatLsn(BigInt(fork + 1)), 'abandoned'));
      }
      fork += step;
      const id = timelines.length + 1;
      timelines.push(record(id, parent, formatLsn(BigInt(fork))));
      parent = id;
    }
    return { current: parent, timelines };
  });
const positions = fc
  .tuple(fc.integer({ min: 1, max: 12 }), fc.bigInt({ min: 0n, max: 300n }))
  .map(([timeline, lsn]): WalPosition => at(timeline, formatLsn(lsn)));

test('the order of ends of WAL is total and consistent', () => {
  fc.assert(
    fc.property(histories, positions, positions, positions, (some, a, b, c) => {
      const compare = (left: WalPosition, right: WalPosition) => compareWalPositions(left, right, some);
      expect(compare(a, a)).toBe(0);
      expect(Math.sign(compare(a, b)) + Math.sign(compare(b, a))).toBe(0);
      if (compare(a, b) <= 0 && compare(b, c) <= 0) expect(compare(a, c)).toBeLessThanOrEqual(0);
    }),
    { numRuns: 2000 },
  );
});

test('no WAL outside the history ever counts for more than the fork it left at', () => {
  fc.assert(
    fc.property(histories, positions, (some, position) => {
      const verdict = judgeHistory(position, some);
      if (verdict.kind !== 'diverged') return;
      const fork = at(verdict.timeline, verdict.forkLsn);
      const byLsn = compareWalPositions(position, fork, some);
      // Equal in WAL, so only the tie-break by timeline may tell them apart.
      expect(byLsn).toBe(position.timeline - verdict.timeline);
    }),
    { numRuns: 1000 },
  );
});
