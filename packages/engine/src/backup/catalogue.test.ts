import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { archive, backup, catalogue, lsn, mb, wal } from './testing/archives.ts';

describe('one timeline', () => {
  it('can be restored to from the end of its first backup to the end of its WAL', () => {
    const found = catalogue({
      listing: archive([1, 1, 9]),
      backups: [backup('A', 1, 2, 3), backup('B', 1, 6)],
    });
    expect(found.gaps).toEqual([]);
    expect(found.intervals).toEqual([
      {
        ...{ timeline: 1, fromLsn: lsn(3, 0x100), toLsn: lsn(10, 0), fromMs: 4500, isAbandoned: false },
        ...{ labels: ['A', 'B'], lastWal: [wal(1, 9), wal(1, 8), wal(1, 7), wal(1, 6)] },
      },
    ]);
    expect(found.newest).toEqual({ timeline: 1, lsn: lsn(10, 0) });
  });

  it('I-BACKUP-3: ends before a missing segment, and goes on with the next backup', () => {
    const found = catalogue({
      listing: archive([1, 1, 5], [1, 7, 12]),
      backups: [backup('A', 1, 2), backup('B', 1, 9)],
    });
    expect(found.intervals.map(({ fromLsn, toLsn, labels }) => [fromLsn, toLsn, labels])).toEqual([
      [lsn(2, 0x100), lsn(6, 0), ['A']],
      [lsn(9, 0x100), lsn(13, 0), ['B']],
    ]);
    expect(found.gaps).toEqual([
      {
        ...{ timeline: 1, fromWal: wal(1, 6), toWal: wal(1, 6), segments: 1, afterLsn: lsn(6, 0) },
        ...{ resumesWith: 'B', kind: 'missing', damaged: [] },
        runs: [{ fromWal: wal(1, 6), toWal: wal(1, 6), segments: 1 }],
      },
    ]);
  });

  it('I-BACKUP-6: ends before a damaged segment as before a missing one, and leaves out a damaged backup', () => {
    const found = catalogue({
      listing: archive([1, 1, 12]),
      backups: [backup('A', 1, 2), backup('B', 1, 5, 7), backup('C', 1, 9), backup('D', 1, 10)],
      damage: { backups: new Map([['D', 'a file is damaged']]), segments: new Set([wal(1, 6)]) },
    });
    expect(found.intervals.map(({ fromLsn, toLsn, labels }) => [fromLsn, toLsn, labels])).toEqual([
      [lsn(2, 0x100), lsn(6, 0), ['A']],
      [lsn(9, 0x100), lsn(13, 0), ['C']],
    ]);
    expect(found.gaps).toMatchObject([
      { fromWal: wal(1, 6), segments: 1, damaged: [wal(1, 6)], resumesWith: 'C' },
    ]);
    expect(found.unusable).toEqual([
      { label: 'B', reason: `the WAL that was written during it is damaged: ${wal(1, 6)}` },
      { label: 'D', reason: 'a file is damaged' },
    ]);
  });

  it('counts a long gap once, and says that no later backup heals it', () => {
    const found = catalogue({
      listing: archive([1, 1, 5], [1, 9, 12]),
      backups: [backup('A', 1, 2), backup('B', 1, 4)],
    });
    expect(found.gaps).toHaveLength(1);
    expect(found.gaps[0]).toMatchObject({
      fromWal: wal(1, 6),
      toWal: wal(1, 8),
      segments: 3,
      resumesWith: null,
    });
    expect(found.newest?.lsn).toBe(lsn(6, 0));
  });

  it('tells WAL that retention took from WAL that was lost', () => {
    const input = {
      listing: archive([1, 2, 3], [1, 8, 12]),
      backups: [backup('A', 1, 2), backup('B', 1, 9)],
    };
    expect(catalogue({ ...input, walKeptFrom: 'B' }).gaps[0]?.kind).toBe('expired');
    expect(catalogue(input).gaps[0]?.kind).toBe('missing');
  });

  it('does not offer a backup whose own WAL is incomplete', () => {
    const found = catalogue({ listing: archive([1, 1, 3], [1, 5, 9]), backups: [backup('A', 1, 3, 5)] });
    expect(found.intervals).toEqual([]);
    expect(found.newest).toBeNull();
    expect(found.unusable).toEqual([
      { label: 'A', reason: `the WAL that was written during it is missing: ${wal(1, 4)}` },
    ]);
  });

  it('needs nothing of the segment that a backup stopped at the beginning of', () => {
    const stopped = { ...backup('A', 1, 3, 4), stopLsn: lsn(5, 0) };
    const found = catalogue({ listing: archive([1, 1, 4]), backups: [stopped] });
    expect(found.intervals).toHaveLength(1);
  });
});

describe('a failover', () => {
  const histories = new Map([[2, [{ timeline: 1, endLsn: lsn(6, 0x5000) }]]]);

  it('is no gap: the new timeline holds the beginning of the segment it forked in', () => {
    const found = catalogue({
      ...{ listing: archive([1, 1, 5], [2, 6, 9]), histories },
      backups: [backup('A', 1, 2)],
    });
    expect(found.gaps).toEqual([]);
    expect(found.intervals).toMatchObject([{ timeline: 2, fromLsn: lsn(2, 0x100), toLsn: lsn(10, 0) }]);
    expect(found.timelines.map(({ timeline, status, parentId }) => [timeline, status, parentId])).toEqual([
      [1, 'ancestor', null],
      [2, 'current', 1],
    ]);
  });

  it('is a gap when the lost primary had not archived everything', () => {
    const found = catalogue({
      ...{ listing: archive([1, 1, 3], [2, 6, 9]), histories },
      backups: [backup('A', 1, 2), backup('B', 2, 8)],
    });
    expect(found.gaps).toMatchObject([
      { timeline: 1, fromWal: wal(1, 4), toWal: wal(1, 5), segments: 2, resumesWith: 'B' },
    ]);
    expect(found.intervals.map(({ labels, toLsn }) => [labels, toLsn])).toEqual([
      [['A'], lsn(4, 0)],
      [['B'], lsn(10, 0)],
    ]);
  });

  it('is a gap at once, before the new timeline has archived anything', () => {
    const found = catalogue({
      ...{ listing: archive([1, 1, 3]), histories, currentTimeline: 2 },
      backups: [backup('A', 1, 2)],
    });
    expect(found.gaps).toMatchObject([{ timeline: 1, fromWal: wal(1, 4), toWal: wal(1, 5), segments: 2 }]);
  });

  it('leaves WAL of a primary that was not fenced out of the way, and says that it is there', () => {
    const found = catalogue({
      ...{ listing: archive([1, 1, 8], [2, 6, 9]), histories, currentTimeline: 2 },
      backups: [backup('A', 1, 2)],
    });
    expect(found.timelines[0]).toMatchObject({ timeline: 1, hasStrayWal: true });
    expect(
      found.intervals.map(({ timeline, fromLsn, toLsn, isAbandoned }) => [
        timeline,
        fromLsn,
        toLsn,
        isAbandoned,
      ]),
    ).toEqual([
      [2, lsn(2, 0x100), lsn(10, 0), false],
      [1, lsn(6, 0x5000), lsn(9, 0), true],
    ]);
  });

  it('that is not archived yet ends what can be restored at the fork, and is no gap', () => {
    const found = catalogue({
      ...{ listing: archive([1, 1, 5]), histories, currentTimeline: 2 },
      backups: [backup('A', 1, 2)],
    });
    expect(found.gaps).toEqual([]);
    expect(found.newest).toEqual({ timeline: 1, lsn: lsn(6, 0) });
  });
});

describe('a restore in place', () => {
  // Timeline 2 was left at 4 for timeline 3, although it had gone on to 9.
  const histories = new Map([
    [2, [{ timeline: 1, endLsn: lsn(2, 0x5000) }]],
    [
      3,
      [
        { timeline: 1, endLsn: lsn(2, 0x5000) },
        { timeline: 2, endLsn: lsn(4, 0x700) },
      ],
    ],
  ]);
  const listing = archive([1, 1, 1], [2, 2, 9], [3, 4, 6]);

  it('does not count the newest backup of what was given up as one of the cluster', () => {
    const backups = [backup('A', 2, 3), backup('DEAD', 2, 8)];
    const found = catalogue({ listing, histories, backups, currentTimeline: 3 });
    expect(found.intervals[0]).toMatchObject({
      timeline: 3,
      labels: ['A'],
      toLsn: lsn(7, 0),
      isAbandoned: false,
    });
    expect(found.intervals[1]).toMatchObject({
      ...{ timeline: 2, fromLsn: lsn(4, 0x700), toLsn: lsn(10, 0), labels: ['A', 'DEAD'], isAbandoned: true },
    });
    expect(found.newest).toEqual({ timeline: 3, lsn: lsn(7, 0) });
  });

  it('offers nothing on a timeline whose history is not archived: recovery would not find it', () => {
    const found = catalogue({ listing, backups: [backup('A', 2, 3)], currentTimeline: 2 });
    expect(found.intervals).toEqual([]);
    expect(found.unusable[0]?.reason).toContain('history of timeline 2');
  });

  it('goes by the newest timeline when nothing but the repository is left', () => {
    expect(catalogue({ listing, histories, backups: [backup('A', 2, 3)] }).newest?.timeline).toBe(3);
  });
});

describe('what must not be there', () => {
  it('is named: segments archived twice, timelines without a history', () => {
    const listing = { ...archive([1, 1, 2], [2, 3, 3]), duplicates: [wal(1, 2)] };
    expect(catalogue({ listing }).conflicts).toEqual([
      `${wal(1, 2)} was archived twice, with different content`,
      'the history of timeline 2 is not archived: where it begins is unknown',
    ]);
  });

  it('is nothing in an empty archive', () => {
    const found = catalogue({ backups: [backup('A', 1, 2)] });
    expect(found).toMatchObject({ intervals: [], gaps: [], newest: null, timelines: [] });
    expect(found.unusable).toHaveLength(1);
  });
});

describe('I-BACKUP-3: whatever is missing', () => {
  /** Timeline 1 up to the fork in segment 10, timeline 2 from there on: a second, dumber way to the same answer. */
  const forkAt = 10;
  const histories = new Map([[2, [{ timeline: 1, endLsn: lsn(forkAt, 0x5000) }]]]);
  const isArchived = (there: ReadonlySet<string>, number: number) =>
    there.has(wal(number < forkAt ? 1 : 2, number));

  it('every segment of what is offered is there, nothing that could be offered is left out', () => {
    const segment = fc.record({
      timeline: fc.integer({ min: 1, max: 2 }),
      number: fc.integer({ min: 1, max: 20 }),
    });
    const missing = fc.array(segment, { maxLength: 8 });
    const begun = fc.array(fc.integer({ min: 1, max: 18 }), { minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(missing, begun, (gone, starts) => {
        const all = archive([1, 1, forkAt], [2, forkAt, 20]).segments.map(({ name }) => name);
        const there = new Set(
          all.filter((name) => !gone.some((each) => wal(each.timeline, each.number) === name)),
        );
        const backups = [...new Set(starts)]
          .filter((number) => number !== forkAt)
          .map((number) => backup(`B${number}`, number < forkAt ? 1 : 2, number));
        const segments = [...there].sort().map((name) => ({ name, archivedAtMs: 0, bytes: 1 }));
        const found = catalogue({
          ...{ listing: { archiveId: '15-1', segments, histories: [], duplicates: [] }, histories, backups },
          currentTimeline: 2,
        });
        const own = found.intervals.filter((interval) => !interval.isAbandoned);
        const offered = own.flatMap((interval) => interval.labels);
        for (const each of backups) {
          const start = Number(each.label.slice(1));
          expect(offered.includes(each.label)).toBe(isArchived(there, start));
        }
        expect(new Set(offered).size).toBe(offered.length);
        for (const interval of own) {
          const first = Math.min(...interval.labels.map((label) => Number(label.slice(1))));
          const end = Math.round(Number.parseInt(interval.toLsn.split('/')[1] ?? '0', 16) / (16 * mb));
          for (let number = first; number < end; number += 1) expect(isArchived(there, number)).toBe(true);
          expect(end > 20 || !isArchived(there, end)).toBe(true);
        }
      }),
      { numRuns: 500 },
    );
  });
});
