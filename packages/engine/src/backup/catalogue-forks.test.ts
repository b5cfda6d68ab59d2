import { describe, expect, it } from 'vitest';
import { retentionSchema } from '../contract/backup.ts';
import { namesIn } from './archive-mending.ts';
import type { CatalogueInput } from './catalogue.ts';
import { planRetention } from './retention.ts';
import { archive, backup, catalogue, lsn, mb, wal } from './testing/archives.ts';

describe('two failovers', () => {
  const first = { timeline: 1, endLsn: lsn(6, 0x5000) };
  const histories = new Map([
    [2, [first]],
    [3, [first, { timeline: 2, endLsn: lsn(9, 0x5000) }]],
  ]);
  const known = { histories, currentTimeline: 3, backups: [backup('A', 1, 2)] };

  it("I-BACKUP-3: a segment with a fork counts when the child's file is there: the parent's leads elsewhere", () => {
    const found = catalogue({ ...known, listing: archive([1, 1, 6], [2, 7, 8], [3, 9, 12]) });
    expect(found.gaps).toMatchObject([{ timeline: 2, fromWal: wal(2, 6), toWal: wal(2, 6), segments: 1 }]);
    expect(found.newest).toEqual({ timeline: 1, lsn: lsn(6, 0) });
    expect(
      found.intervals.map(({ timeline, fromLsn, toLsn, isAbandoned }) => [
        timeline,
        fromLsn,
        toLsn,
        isAbandoned,
      ]),
    ).toEqual([
      [3, lsn(2, 0x100), lsn(6, 0), false],
      // What lies before the fork in it can be had there, and nowhere else.
      [1, lsn(6, 0), lsn(7, 0), true],
    ]);
  });

  it('are followed no further than the line is whole, although files of a parent follow there', () => {
    const isCut = (...runs: [number, number, number][]) =>
      catalogue({ ...known, listing: archive(...runs) }).intervals.findLast((each) => !each.isAbandoned)
        ?.isCut;
    expect(isCut([1, 1, 6], [2, 7, 8], [3, 9, 12])).toBe(true);
    expect(isCut([1, 1, 6])).toBe(true);
    expect(isCut([1, 1, 5], [2, 6, 9])).toBe(true);
    expect(isCut([1, 1, 5], [3, 9, 12])).toBe(undefined);
    expect(isCut([1, 1, 7], [2, 6, 6])).toBe(undefined);
    expect(isCut([1, 1, 9], [2, 6, 8], [3, 9, 12])).toBe(undefined);
  });

  it('are mended by the name that each segment has on the line', () => {
    const mended = (...runs: [number, number, number][]) => {
      const found = catalogue({ ...known, listing: archive(...runs) });
      return found.gaps.flatMap((gap) => namesIn(gap, 16 * mb));
    };
    expect(mended([1, 1, 5], [3, 9, 12])).toEqual([wal(2, 6), wal(2, 7), wal(2, 8)]);
    expect(mended([1, 1, 4], [3, 9, 12])).toEqual([wal(1, 5), wal(2, 6), wal(2, 7), wal(2, 8)]);
    expect(mended([1, 1, 4], [2, 8, 8], [3, 10, 12])).toEqual([wal(1, 5), wal(2, 6), wal(2, 7)]);
    expect(mended([1, 1, 5], [2, 6, 8], [3, 9, 12])).toEqual([]);
  });

  it('leave a damaged file of the parent out of what is mended and told: the line does not need it', () => {
    const damage = { backups: new Map(), segments: new Set([wal(1, 6), wal(2, 7)]) };
    const listing = archive([1, 1, 6], [2, 7, 8], [3, 9, 12]);
    const { gaps } = catalogue({ ...known, damage, listing });
    expect(gaps).toMatchObject([{ fromWal: wal(2, 6), toWal: wal(2, 7), damaged: [wal(2, 7)] }]);
    expect(gaps.flatMap((gap) => namesIn(gap, 16 * mb))).toEqual([wal(2, 6)]);
  });

  it('within one segment need the newest file of it only', () => {
    const within = new Map([[3, [first, { timeline: 2, endLsn: lsn(6, 0x7000) }]]]);
    const found = catalogue({ ...known, histories: within, listing: archive([1, 1, 5], [3, 6, 8]) });
    expect(found.gaps).toEqual([]);
    expect(found.newest).toEqual({ timeline: 3, lsn: lsn(9, 0) });
  });

  it("at the end of a segment need the parent's", () => {
    const ends = new Map([[2, [{ timeline: 1, endLsn: lsn(7, 0) }]]]);
    const listing = archive([1, 1, 6], [2, 7, 8]);
    const found = catalogue({ ...known, histories: ends, currentTimeline: 2, listing });
    expect(found.gaps).toEqual([]);
    expect(found.newest).toEqual({ timeline: 2, lsn: lsn(9, 0) });
    expect(found.intervals).toHaveLength(1);
  });
});

describe('after a restore in place, WAL that retention took is told from WAL that was lost', () => {
  const histories = new Map([[3, [{ timeline: 1, endLsn: lsn(4, 0x700) }]]]);
  const isNew = { startLsn: lsn(4, 0x800), stopLsn: lsn(4, 0x900) };
  const kindsOf = (change: Partial<CatalogueInput>) =>
    catalogue({ histories, currentTimeline: 3, ...change }).gaps.map(({ fromWal, toWal, kind }) => [
      fromWal,
      toWal,
      kind,
    ]);

  it('though it lies before the backup of what was given up that WAL is kept from', () => {
    const backups = [backup('F1', 1, 2), backup('F2', 1, 8), { ...backup('N1', 3, 4), ...isNew }];
    const listing = archive([1, 1, 9], [3, 4, 5], [3, 7, 8]);
    expect(kindsOf({ backups, listing, walKeptFrom: 'F2' })).toEqual([[wal(3, 6), wal(3, 6), 'missing']]);
  });

  it('though it lies behind the backup of the new timeline that WAL is kept from', () => {
    const backups = [backup('F1', 1, 6), backup('F2', 1, 8), { ...backup('N1', 3, 4), ...isNew }];
    const listing = archive([1, 1, 2], [1, 6, 6], [1, 8, 8], [3, 4, 9]);
    expect(kindsOf({ backups, listing, walKeptFrom: 'N1' })).toEqual([[wal(1, 7), wal(1, 7), 'expired']]);
  });
});

describe('a kept backup of a timeline whose history retention has removed with its WAL', () => {
  const histories = new Map([[6, [{ timeline: 3, endLsn: lsn(7, 0x5000) }]]]);
  const held = backup('HELD', 4, 5, 6);
  const known = { histories, currentTimeline: 6, listing: archive([4, 5, 6], [6, 7, 9]) };

  it('can be restored to its own end, and to nothing else', () => {
    const found = catalogue({ ...known, backups: [held] });
    expect(found.unusable).toEqual([]);
    expect(found.conflicts).toEqual([]);
    expect(found.newest).toBeNull();
    expect(found.intervals).toEqual([
      {
        ...{ timeline: 4, fromLsn: lsn(6, 0x100), toLsn: lsn(6, 0x100), fromMs: 7500, lastWal: [] },
        ...{ labels: ['HELD'], isAbandoned: true },
      },
    ]);
    expect(found.gaps).toEqual([]);
  });

  it('stays as long as its tier says', () => {
    const backups = [held, backup('N1', 6, 8), backup('N2', 6, 9)].map((each, at) => ({
      ...each,
      stopMs: at * 86_400_000,
    }));
    const unusable = new Set(catalogue({ ...known, backups }).unusable.map(({ label }) => label));
    const retention = retentionSchema.parse({ fullCount: 1, tiers: { daily: 3 } });
    const plan = planRetention({ backups, retention, unusable, nowMs: 3 * 86_400_000 });
    expect(plan.expire).toEqual([]);
  });

  it('is not offered without its own WAL, nor when it began on another timeline', () => {
    const began = { ...backup('BEGAN', 4, 6), startWal: wal(3, 6) };
    const listing = archive([4, 6, 6], [6, 7, 9]);
    const found = catalogue({ ...known, listing, backups: [held, began] });
    expect(found.intervals).toEqual([]);
    expect(found.unusable).toEqual([
      { label: 'HELD', reason: `the WAL that was written during it is missing: ${wal(4, 5)}` },
      { label: 'BEGAN', reason: expect.stringContaining('the history of timeline 4') },
    ]);
  });

  it('hides no WAL that nobody can place', () => {
    const found = catalogue({ ...known, listing: archive([4, 5, 7], [6, 7, 9]), backups: [held] });
    expect(found.conflicts).toEqual([expect.stringContaining('the history of timeline 4')]);
  });
});

describe('a failover whose history has not reached the repository', () => {
  const agreed = [{ timeline: 1, endLsn: lsn(6, 0x5000) }];
  const backups = [backup('A', 1, 2)];
  const intervalsOf = (change: Partial<CatalogueInput>) =>
    catalogue({ backups, agreed, currentTimeline: 2, ...change }).intervals.map(
      ({ timeline, labels, toLsn, isAbandoned, isCut }) => [timeline, labels, toLsn, isAbandoned, isCut],
    );

  it('leaves everything before the fork, by the timeline before', () => {
    expect(intervalsOf({ listing: archive([1, 1, 5]) })).toEqual([[1, ['A'], lsn(6, 0), false, undefined]]);
    const found = catalogue({ backups, agreed, currentTimeline: 2, listing: archive([1, 1, 5]) });
    expect(found).toMatchObject({ gaps: [], unusable: [], missingHistory: 2 });
    expect(found.newest).toEqual({ timeline: 1, lsn: lsn(6, 0) });
  });

  it('offers nothing that lies behind the fork as part of its line', () => {
    expect(intervalsOf({ listing: archive([1, 1, 7]) })).toEqual([
      [1, ['A'], lsn(6, 0), false, true],
      [1, ['A'], lsn(8, 0), true, undefined],
    ]);
    expect(intervalsOf({ listing: archive([1, 1, 5], [2, 6, 8]) })).toEqual([
      [1, ['A'], lsn(6, 0), false, undefined],
    ]);
    const late = catalogue({
      ...{ agreed, currentTimeline: 2, listing: archive([1, 1, 5], [2, 6, 8]) },
      backups: [backup('B', 2, 7)],
    });
    expect(late.intervals).toEqual([]);
    expect(late.unusable).toEqual([{ label: 'B', reason: expect.stringContaining('history of timeline 2') }]);
  });

  it('ends before a segment that is missing up to the fork', () => {
    const found = catalogue({ backups, agreed, currentTimeline: 2, listing: archive([1, 1, 3]) });
    expect(found.gaps).toMatchObject([{ fromWal: wal(1, 4), toWal: wal(1, 5), kind: 'missing' }]);
    expect(found.newest?.lsn).toBe(lsn(4, 0));
  });

  it('goes back to the newest timeline whose history is there', () => {
    const histories = new Map([[2, agreed]]);
    const later = [
      { timeline: 2, endLsn: lsn(8, 0x5000) },
      { timeline: 3, endLsn: lsn(9, 0x5000) },
    ];
    const listing = archive([1, 1, 5], [2, 6, 7]);
    expect(intervalsOf({ listing, histories, currentTimeline: 4, agreed: later })).toEqual([
      [2, ['A'], lsn(8, 0), false, undefined],
    ]);
  });

  it('is as if nobody knew of it while its fork is not recorded', () => {
    expect(intervalsOf({ listing: archive([1, 1, 5]), agreed: [] })).toEqual([
      [1, ['A'], lsn(6, 0), true, undefined],
    ]);
  });
});
