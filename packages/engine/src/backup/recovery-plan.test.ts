import { describe, expect, it } from 'vitest';
import type { RepositoryView } from '../contract/backup-view.ts';
import type { RestoreTarget } from '../contract/restore-target.ts';
import { planRecovery, planWords, type RecoveryPlanInput } from './recovery-plan.ts';

const minute = 60_000;
const lsn = (number: number) => `0/${(number * 16 * 1024 * 1024 + 0x100).toString(16).toUpperCase()}`;

function backup(label: string, from: number, to: number): RepositoryView['backups'][number] {
  return {
    ...{
      label,
      type: 'full',
      prior: null,
      references: [],
      databaseId: 1,
      databaseBytes: 1024 ** 3,
      copiedBytes: 1,
    },
    ...{ repositoryBytes: 1, hasPageErrors: false, notes: {}, startMs: from * minute, stopMs: to * minute },
    ...{ startLsn: lsn(from), stopLsn: lsn(to), startWal: '', stopWal: '' },
    ...{ unusable: null, keptBecause: [], goes: null },
  };
}

/** Two stretches: minutes 10 to 20 from A and B, 30 to 40 from C; between them WAL is missing. */
const repository: RecoveryPlanInput['repository'] = {
  state: 'ok',
  backups: [backup('A', 8, 10), backup('B', 14, 15), backup('C', 28, 30)],
  gaps: [],
  intervals: [
    {
      ...{ timeline: 3, fromLsn: lsn(10), toLsn: lsn(20), fromMs: 10 * minute + 1000, toMs: 20 * minute },
      ...{ labels: ['A', 'B'], isAbandoned: false },
    },
    {
      ...{ timeline: 3, fromLsn: lsn(30), toLsn: lsn(40), fromMs: 30 * minute + 1000, toMs: 40 * minute },
      ...{ labels: ['C'], isAbandoned: false },
    },
    {
      ...{ timeline: 2, fromLsn: lsn(41), toLsn: lsn(50), fromMs: 30 * minute + 1000, toMs: 50 * minute },
      ...{ labels: ['C'], isAbandoned: true },
    },
  ],
};

function plan(target: RestoreTarget, change: Partial<RecoveryPlanInput> = {}) {
  return planRecovery({
    ...{ target, repository, points: [], commitMs: null, nowMs: 60 * minute, lastDrill: null },
    segmentBytes: 16 * 1024 * 1024,
    ...change,
  });
}
const time = (minutes: number): RestoreTarget => ({ kind: 'time', atMs: minutes * minute, inclusive: true });
const reasonOf = (target: RestoreTarget, change: Partial<RecoveryPlanInput> = {}) => {
  const planned = plan(target, change);
  return planned.ok ? null : planned.refusal.reason;
};

describe('a plan', () => {
  it('says what it waits for while the history of the newest timeline is on its way', () => {
    const waiting = { ...repository, missingHistory: 4 };
    const words = 'The history of timeline 4 has not reached the repository';
    const latest = plan({ kind: 'latest' }, { repository: waiting });
    expect(latest.ok && latest.plan.warnings.join()).toContain(words);
    const none = plan({ kind: 'latest' }, { repository: { ...waiting, intervals: [] } });
    expect(!none.ok && none.refusal.message).toContain(words);
    const after = plan(time(50), { repository: waiting });
    expect(!after.ok && after.refusal.message).toContain(words);
  });

  it('I-BACKUP-3: of the latest moment stops where WAL follows that the cluster has given up', () => {
    const intervals = repository.intervals.map((each) => ({ ...each, isCut: !each.isAbandoned }));
    const planned = plan({ kind: 'latest' }, { repository: { ...repository, intervals } });
    expect(planned).toMatchObject({
      ok: true,
      plan: { recovery: { kind: 'lsn', lsn: lsn(40), inclusive: false } },
    });
    expect(planned.ok && planned.plan.leastLsn).toBe(undefined);
  });

  it('takes the newest backup that had ended by then, and names the timeline', () => {
    expect(plan(time(14))).toMatchObject({ ok: true, plan: { label: 'A', timeline: 3 } });
    expect(plan(time(16))).toMatchObject({ ok: true, plan: { label: 'B', endMs: 16 * minute } });
    expect(plan(time(35))).toMatchObject({ ok: true, plan: { label: 'C' } });
  });

  it('goes to the latest moment of the cluster’s own line, not to one that was given up', () => {
    expect(plan({ kind: 'latest' })).toMatchObject({
      ok: true,
      plan: { label: 'C', timeline: 3, recovery: { kind: 'latest' }, endMs: 40 * minute },
    });
  });

  it('says how far recovery to the latest moment has to come, and warns of pages that were damaged', () => {
    const segmentEnd = {
      ...repository.intervals[1],
      toLsn: '0/28000000',
    } as (typeof repository.intervals)[0];
    const [a, b, c] = repository.backups as [never, never, RepositoryView['backups'][number]];
    const known = { ...repository, intervals: [segmentEnd], backups: [a, b, { ...c, hasPageErrors: true }] };
    const planned = plan({ kind: 'latest' }, { repository: known });
    expect(planned).toMatchObject({ ok: true, plan: { leastLsn: '0/27000000' } });
    expect(planned.ok && planned.plan.warnings.join()).toContain('C holds pages that were damaged');
    expect(plan(time(35))).not.toHaveProperty('plan.leastLsn');
  });

  it('leads to a point on a line that was given up also when only the repository shows that it was', () => {
    const point = { name: 'before restore', timeline: 2, lsn: lsn(45), atMs: 45 * minute, by: 'ada' };
    const planned = plan({ kind: 'name', name: point.name }, { points: [point] });
    const recovery = { kind: 'lsn', lsn: lsn(45), inclusive: false };
    expect(planned).toMatchObject({ ok: true, plan: { timeline: 2, label: 'C', recovery } });
  });

  it('warns of a moment of a stretch that was given up, and says what leads there', () => {
    const at = (change: Partial<RecoveryPlanInput> = {}) => {
      const planned = plan(time(35), change);
      return planned.ok ? planned.plan.warnings.join() : '';
    };
    expect(at()).toContain('Timeline 2 went on from');
    expect(at()).toContain('--timeline');
    const point = (name: string, minutes: number, timeline: number) => {
      return { name, lsn: lsn(minutes), timeline, atMs: minutes * minute, by: 'ann' };
    };
    const points = [point('before restore 1234', 49, 2)];
    const isGivenUp = (position: { timeline: number }) => position.timeline === 2;
    expect(at({ points, isGivenUp })).toContain('the point "before restore 1234"');
    // The cluster was still on its way to there at minute 38.
    expect(at({ points: [point('release', 38, 3)], isGivenUp })).toBe('');
  });

  it('finds a position, a named point and a backup', () => {
    expect(plan({ kind: 'lsn', lsn: lsn(17), inclusive: false, timeline: null })).toMatchObject({
      plan: { label: 'B' },
    });
    const points = [{ name: 'release', timeline: 3, lsn: lsn(12), atMs: 12 * minute, by: 'anna' }];
    expect(plan({ kind: 'name', name: 'release' }, { points })).toMatchObject({
      plan: { label: 'A', endMs: 12 * minute },
    });
    expect(plan({ kind: 'backup', label: 'B' })).toMatchObject({
      plan: { label: 'B', recovery: { kind: 'backup' } },
    });
  });

  it('goes by the commit time of a transaction, and says so when that is not known', () => {
    const target = { kind: 'xid', xid: '771', inclusive: true } as const;
    expect(plan(target, { commitMs: 17 * minute })).toMatchObject({ plan: { label: 'B', warnings: [] } });
    const blind = plan(target);
    expect(blind).toMatchObject({ plan: { label: 'C' } });
    expect(blind.ok && blind.plan.warnings[0]).toContain('is not known here');
  });

  it('goes to a named point from the repository alone, which does not list them', () => {
    const planned = plan({ kind: 'name', name: 'release' }, { points: null });
    expect(planned).toMatchObject({
      ok: true,
      plan: { label: 'C', recovery: { kind: 'name', name: 'release' } },
    });
  });

  it('says how long it takes by the last drill, and what will be lost', () => {
    const lastDrill = {
      ...{
        label: 'A',
        recoveredToMs: null,
        databaseBytes: 1024 ** 3,
        restoreMs: 90_000,
        recoveryMs: 2000,
        checksMs: 1,
      },
      findings: [],
    };
    const planned = plan(time(16), { lastDrill });
    expect(planned.ok && planWords(planned.plan)).toBe(
      'Restore B (1.0 GB), then replay up to 6 segments of WAL along timeline 3. It takes about 2 minutes, by the last drill. Not in it: everything that was committed after 1970-01-01 00:16:00 UTC, 44 minutes ago.',
    );
  });

  it('says that what lies behind a gap is not in the latest moment', () => {
    const gap = {
      ...{ timeline: 3, fromWal: 'W1', toWal: 'W1', segments: 1, afterLsn: lsn(40), resumesWith: null },
      ...{ kind: 'missing' as const, damaged: [] },
    };
    const planned = plan({ kind: 'latest' }, { repository: { ...repository, gaps: [gap] } });
    expect(planned.ok && planned.plan.warnings[0]).toContain('W1');
  });
});

describe('a refusal names the nearest possible moments', () => {
  const nearest = (target: RestoreTarget) => {
    const planned = plan(target);
    return planned.ok ? null : planned.refusal.nearest.map(({ words }) => words);
  };

  it('before the first backup, and inside it', () => {
    expect(reasonOf(time(3))).toBe('before_first_backup');
    expect(nearest(time(3))).toEqual(['1970-01-01 00:10:01 UTC']);
    expect(reasonOf(time(9))).toBe('inside_backup');
    // Its end is known to the second only: within that second nothing is promised.
    expect(reasonOf({ kind: 'time', atMs: 10 * minute + 999, inclusive: true })).toBe('inside_backup');
  });

  it('in a gap: the last moment before it and the first one after it', () => {
    expect(reasonOf(time(25))).toBe('in_gap');
    expect(nearest(time(25))).toEqual(['1970-01-01 00:19:59 UTC', '1970-01-01 00:30:01 UTC']);
    // The very last commit is no possible target: nothing follows that recovery could stop before.
    expect(reasonOf(time(20))).toBe('in_gap');
  });

  it('inside a later backup that no older one reaches', () => {
    expect(reasonOf(time(29))).toBe('inside_backup');
  });

  it('after what has arrived, and in the future', () => {
    expect(reasonOf(time(45))).toBe('after_newest');
    expect(nearest(time(45))).toEqual(['1970-01-01 00:39:59 UTC', 'the latest moment']);
    expect(reasonOf(time(61))).toBe('in_future');
  });

  it('on a timeline that was given up, unless that is what was asked for', () => {
    const target = { kind: 'lsn', lsn: lsn(45), inclusive: true } as const;
    expect(reasonOf({ ...target, timeline: null })).toBe('abandoned_timeline');
    expect(plan({ ...target, timeline: 2 })).toMatchObject({ ok: true, plan: { timeline: 2, label: 'C' } });
  });

  it('for positions, names and backups that are not there', () => {
    expect(reasonOf({ kind: 'lsn', lsn: lsn(25), inclusive: true, timeline: null })).toBe('not_archived');
    expect(reasonOf({ kind: 'name', name: 'x' })).toBe('unknown_point');
    const points = [{ name: 'new', timeline: 3, lsn: lsn(70), atMs: 59 * minute, by: 'x' }];
    expect(reasonOf({ kind: 'name', name: 'new' }, { points })).toBe('not_archived');
    expect(reasonOf({ kind: 'backup', label: 'Z' })).toBe('no_backup');
    const empty = { ...repository, intervals: [], backups: [] };
    expect(reasonOf({ kind: 'latest' }, { repository: empty })).toBe('no_backup');
  });
});
