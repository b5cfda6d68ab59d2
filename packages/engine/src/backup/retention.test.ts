import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type BackupRetention, retentionSchema } from '../contract/backup.ts';
import type { StoredBackup } from './engine.ts';
import { fullOf, holdNote, planRetention } from './retention.ts';

const day = 86_400_000;
const nowMs = Date.parse('2026-11-27T12:00:00Z');

function backup(label: string, ageDays: number, change: Partial<StoredBackup> = {}): StoredBackup {
  const stopMs = nowMs - ageDays * day;
  return {
    ...{ label, type: 'full', prior: null, references: [], databaseId: 1, databaseBytes: 1, copiedBytes: 1 },
    ...{ repositoryBytes: 1, hasPageErrors: false, notes: {}, startMs: stopMs - 1000, stopMs },
    ...{ startLsn: '0/1', stopLsn: '0/2', startWal: '', stopWal: '' },
    ...change,
  };
}

const incr = (label: string, ageDays: number, references: string[], notes = {}) =>
  backup(label, ageDays, { type: 'incr', prior: references.at(-1) ?? null, references, notes });

function plan(backups: StoredBackup[], retention: Record<string, unknown>, unusable: string[] = []) {
  return planRetention({
    ...{ backups, nowMs, unusable: new Set(unusable) },
    retention: retentionSchema.parse(retention) as BackupRetention,
  });
}
const expired = (result: ReturnType<typeof plan>) => result.expire.map(({ label }) => label).sort();

describe('retention', () => {
  it('keeps the newest full backups with all that is built on them', () => {
    const backups = [
      backup('A', 3),
      incr('A_1', 2.5, ['A']),
      backup('B', 2),
      incr('B_1', 1, ['B']),
      backup('C', 0.5),
    ];
    const result = plan(backups, { fullCount: 2 });
    expect(expired(result)).toEqual(['A', 'A_1']);
    expect(result).toMatchObject({ fullsWithWal: 2, walKeptFrom: 'B' });
  });

  it('keeps one full backup older than the window: its first moment is restored from it', () => {
    const backups = [backup('A', 20), backup('B', 9), backup('C', 6), backup('D', 1)];
    const result = plan(backups, { fullCount: 1, days: 7 });
    expect(expired(result)).toEqual(['A']);
    expect(result.walKeptFrom).toBe('B');
    // B goes when C is seven days old.
    expect(result.keep.find(({ label }) => label === 'B')?.goes).toEqual({ kind: 'at', atMs: nowMs + day });
  });

  it('I-BACKUP-4: lets what a verification says to be damaged go no earlier, and does not count it as good', () => {
    const backups = [backup('A', 4), incr('A_1', 3.5, ['A']), backup('B', 2), backup('C', 1)];
    const unusable = new Set(['A', 'A_1']);
    const going = (all: StoredBackup[], damaged: ReadonlySet<string>) =>
      expired(
        planRetention({
          ...{ backups: all, nowMs, unusable, damaged },
          retention: retentionSchema.parse({ fullCount: 3 }) as BackupRetention,
        }),
      );
    expect(going(backups, new Set())).toEqual(['A', 'A_1']);
    expect(going(backups, unusable)).toEqual([]);
    expect(going([...backups, backup('D', 0.5)], unusable)).toEqual(['A', 'A_1']);
  });

  it('keeps everything of a window at its very edge', () => {
    const result = plan([backup('A', 7), backup('B', 7 - 1e-6)], { fullCount: 1, days: 7 });
    expect(expired(result)).toEqual([]);
  });

  it('keeps one full backup per day, week, month and year without what is built on it', () => {
    const backups = [
      ...[backup('old', 400), backup('M', 40), incr('M_1', 39.9, ['M']), backup('W', 9), backup('D', 1.2)],
      ...[backup('E', 1.1), backup('F', 0)],
    ];
    const result = plan(backups, { fullCount: 1, tiers: { daily: 2, weekly: 2, monthly: 2, yearly: 2 } });
    expect(expired(result)).toEqual(['D', 'M_1']);
    expect(result.fullsWithWal).toBe(1);
    expect(result.keep.find(({ label }) => label === 'old')?.reasons).toEqual([
      { kind: 'tier', tier: 'yearly', period: '2025' },
    ]);
  });

  it('never touches a backup that is held, nor what it needs', () => {
    const held = incr('A_2', 2.8, ['A', 'A_1'], { [holdNote]: 'audit' });
    const backups = [backup('A', 3), incr('A_1', 2.9, ['A']), held, incr('A_3', 2.7, ['A']), backup('B', 1)];
    const result = plan(backups, { fullCount: 1 });
    expect(expired(result)).toEqual(['A_3']);
    expect(result.keep.find(({ label }) => label === 'A_2')?.goes).toEqual({ kind: 'never', why: 'held' });
  });

  it('I-BACKUP-4: keeps the whole line that a held backup was made on, also what it needs no file of', () => {
    const second = backup('A_2', 2.8, { type: 'incr', prior: 'A_1', references: ['A'] });
    const held = backup('A_3', 2.7, {
      ...{ type: 'incr', prior: 'A_2', references: ['A'], notes: { [holdNote]: 'audit' } },
    });
    const backups = [backup('A', 3), incr('A_1', 2.9, ['A']), second, held, backup('B', 1)];
    expect(expired(plan(backups, { fullCount: 1 }))).toEqual([]);
  });

  it('I-BACKUP-4: says of what a verification doubts when it really goes, and each reason once', () => {
    const backups = [backup('A', 1), incr('A_1', 0.5, ['A'])];
    const retention = retentionSchema.parse({ fullCount: 4 }) as BackupRetention;
    const damaged = new Set(['A']);
    const { keep } = planRetention({ backups, nowMs, unusable: damaged, damaged, retention });
    expect(keep.map(({ goes }) => goes)).toEqual([1, 2].map(() => ({ kind: 'after-fulls', fulls: 4 })));
    expect(keep[0]?.reasons).toEqual([{ kind: 'needed', by: 'A' }]);
  });

  it('I-BACKUP-6: keeps the WAL behind what a verification doubts as long as that itself', () => {
    const backups = [backup('A', 4), backup('B', 2), backup('C', 1)];
    const doubted = new Set(['A']);
    const retention = retentionSchema.parse({ fullCount: 3 }) as BackupRetention;
    const result = planRetention({ backups, nowMs, unusable: doubted, damaged: doubted, retention });
    expect(result).toMatchObject({ expire: [], fullsWithWal: 3, walKeptFrom: 'A' });
  });

  it('I-BACKUP-4: keeps the newest full backup without damaged pages, with all WAL since, when newer ones have some', () => {
    const bad = { hasPageErrors: true };
    const backups = [backup('A', 9), backup('B', 4), backup('C', 2, bad), backup('D', 1, bad)];
    const result = plan(backups, { fullCount: 2 });
    expect(expired(result)).toEqual(['A']);
    expect(result.walKeptFrom).toBe('B');
    expect(result.keep.find(({ label }) => label === 'B')?.reasons).toEqual([{ kind: 'clean' }]);
    expect(expired(plan([...backups, backup('E', 0)], { fullCount: 2 }))).toEqual(['A', 'B', 'C']);
  });

  it('lets nothing go by age because the clock of a host is ahead', () => {
    const backups = [backup('A', 5), backup('B', 3), backup('C', 1)];
    const retention = retentionSchema.parse({ fullCount: 1, days: 7 }) as BackupRetention;
    const ahead = { backups, retention, unusable: new Set<string>(), nowMs: nowMs + 400 * day };
    expect(planRetention(ahead).expire).toEqual([]);
  });

  it('does not count a damaged backup as one of those it keeps', () => {
    const result = plan([backup('A', 3), backup('B', 2), backup('C', 1)], { fullCount: 2 }, ['C']);
    expect(expired(result)).toEqual([]);
    expect(result.keep.find(({ label }) => label === 'C')?.reasons).toEqual([{ kind: 'unusable' }]);
    expect(expired(plan([backup('A', 3), backup('B', 2), backup('C', 1)], { fullCount: 2 }, ['A']))).toEqual([
      'A',
    ]);
  });

  it('leaves the only full backup there is, even when it is damaged', () => {
    expect(expired(plan([backup('A', 900)], { fullCount: 1, days: 1 }, ['A']))).toEqual([]);
  });

  it('says after how many newer full backups one goes', () => {
    const result = plan([backup('A', 2), backup('B', 1)], { fullCount: 4 });
    expect(result.keep.map(({ label, goes }) => [label, goes])).toEqual([
      ['B', { kind: 'after-fulls', fulls: 4 }],
      ['A', { kind: 'after-fulls', fulls: 3 }],
    ]);
  });

  it('I-BACKUP-4: keeps, whatever the history, every backup that a kept one needs, and always a good full one', () => {
    const history = fc.array(
      fc.record({
        age: fc.integer({ min: 0, max: 800 }),
        incrs: fc.integer({ min: 0, max: 3 }),
        bad: fc.boolean(),
      }),
      { minLength: 1, maxLength: 12 },
    );
    const policy = fc.record({
      fullCount: fc.integer({ min: 1, max: 5 }),
      days: fc.option(fc.integer({ min: 1, max: 60 })),
      tiers: fc.record({ daily: fc.nat(3), weekly: fc.nat(3), monthly: fc.nat(3), yearly: fc.nat(3) }),
    });
    fc.assert(
      fc.property(history, policy, (fulls, retention) => {
        const backups = fulls.flatMap(({ age, incrs }, at) => [
          backup(`F${at}`, age + 1),
          ...Array.from({ length: incrs }, (_, n) => incr(`F${at}_${n}`, age + 1 - (n + 1) / 10, [`F${at}`])),
        ]);
        const bad = fulls.flatMap((each, at) => (each.bad ? [`F${at}`] : []));
        const result = plan(backups, retention, bad);
        const kept = new Set(result.keep.map(({ label }) => label));
        expect(kept.size + result.expire.length).toBe(backups.length);
        for (const each of backups) if (kept.has(each.label)) expect(kept.has(fullOf(each))).toBe(true);
        const good = fulls.flatMap((each, at) => (each.bad ? [] : [`F${at}`]));
        expect(good.filter((label) => kept.has(label)).length).toBeGreaterThanOrEqual(
          Math.min(retention.fullCount, good.length),
        );
        expect(result.fullsWithWal).toBeGreaterThanOrEqual(1);
      }),
      { numRuns: 300 },
    );
  });
});

describe('a backup that a new cluster is restored from', () => {
  const untilMs = nowMs + day;
  const backups = [
    backup('A', 9),
    incr('A_1', 8, ['A']),
    incr('A_2', 7, ['A', 'A_1']),
    backup('B', 6),
    backup('C', 1),
  ];
  const planned = (label: string, retention: Record<string, unknown> = { fullCount: 1 }) =>
    planRetention({
      ...{ backups, nowMs, unusable: new Set<string>() },
      retention: retentionSchema.parse(retention) as BackupRetention,
      guests: [{ host: 'spare', repository: 1, label, untilMs }],
    });

  it('I-BACKUP-9: counts as a recent full one, with what it is built on, and goes when its time is over', () => {
    const result = planned('A_2');
    expect(expired(result)).toEqual(['B']);
    expect(result).toMatchObject({ fullsWithWal: 2, walKeptFrom: 'A' });
    const kept = (label: string) => result.keep.find((each) => each.label === label);
    expect(kept('A_2')?.reasons[0]).toEqual({ kind: 'guest', host: 'spare', untilMs });
    expect(['A', 'A_1', 'A_2'].map((label) => kept(label)?.goes)).toEqual(
      Array(3).fill({ kind: 'at', atMs: untilMs }),
    );
    expect(kept('C')?.goes).toEqual({ kind: 'after-fulls', fulls: 1 });
  });

  it('I-BACKUP-9: changes nothing for what stays anyway, and keeps nothing when it is gone', () => {
    expect(planned('B', { fullCount: 2 }).keep.find(({ label }) => label === 'B')?.goes).toEqual({
      ...{ kind: 'after-fulls', fulls: 1 },
    });
    expect(planned('Z')).toMatchObject({ fullsWithWal: 1, walKeptFrom: 'C' });
  });
});
