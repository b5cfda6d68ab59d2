import { damageHint } from '@quantadb/engine/backup/findings';
import type { BackupJob } from '@quantadb/engine/contract/backup';
import type { BackupOverview } from '@quantadb/engine/contract/backup-view';
import { describe, expect, it } from 'vitest';
import { backupsText, damageText, endText } from './backup-format.ts';

const nowMs = Date.parse('2026-11-27T12:00:00Z');

const overview: BackupOverview = {
  config: {
    ...{ stanza: 'demo', revision: 1, repository: { type: 'posix', path: '/repo', encrypted: true } },
    impact: { processes: 1, compression: 'zst', lagBytesMax: 1, loadMax: null, source: 'prefer-standby' },
    ...{ schedules: [], drills: null, archiveTimeoutSeconds: 60 },
    retention: { fullCount: 2, days: null, tiers: { daily: 0, weekly: 0, monthly: 0, yearly: 0 } },
  },
  ...{
    job: null,
    pastJobs: [],
    points: [],
    nextRuns: [],
    lastDrill: null,
    lastVerification: null,
    advice: null,
    problem: null,
  },
  ...{ look: null, servers: [], repositories: [] },
  archiving: { lastWal: 'W', lastAtMs: nowMs - 5000, failingSinceMs: nowMs - 90_000, waitingSegments: 7 },
  repository: {
    ...{
      atMs: nowMs,
      state: 'ok',
      detail: 'ok',
      timelines: [],
      conflicts: [],
      expiring: [],
      lastVerification: null,
    },
    newest: { timeline: 2, lsn: '0/5000000', atMs: nowMs - 65_000 },
    intervals: [
      {
        ...{ timeline: 2, fromLsn: '0/1', toLsn: '0/2', fromMs: nowMs - 3_600_000, toMs: nowMs - 65_000 },
        ...{ labels: ['20261127-110000F'], isAbandoned: false },
      },
    ],
    gaps: [
      {
        ...{ timeline: 2, fromWal: 'W1', toWal: 'W3', segments: 3, afterLsn: '0/2', resumesWith: null },
        ...{ kind: 'missing', damaged: [] },
      },
    ],
    backups: [
      {
        ...{ label: '20261127-110000F', type: 'full', prior: null, references: [], databaseId: 1 },
        ...{ startMs: nowMs - 3_700_000, stopMs: nowMs - 3_600_000, startLsn: '0/1', stopLsn: '0/2' },
        ...{ startWal: '', stopWal: '', databaseBytes: 2048, copiedBytes: 2048, repositoryBytes: 1024 },
        ...{ hasPageErrors: true, notes: { 'quantadb-node': 'node-2' }, unusable: null },
        ...{ keptBecause: ['the newest full backup'], goes: null },
      },
    ],
  },
};

describe('the list of backups', () => {
  it('says first what matters: up to when, whether WAL arrives, and when a restore was last proven', () => {
    const [repository, restorable, archiving, proven] = backupsText(overview, nowMs).split('\n');
    expect(repository).toBe('Repository /repo, encrypted: ok');
    expect(restorable).toBe('Restorable up to 2026-11-27 11:58:55Z, 65 s ago.');
    expect(archiving).toBe('Archiving FAILS since 2026-11-27 11:58:30Z, 7 segments wait.');
    expect(proven).toContain('never');
  });

  it('names damage and gaps', () => {
    const text = backupsText(overview, nowMs);
    expect(text).toContain('holds damaged pages; the newest full backup');
    expect(text).toContain('GAP: 3 segments of WAL are missing, W1 to W3');
  });

  it('says what leads to one moment only, and what is waited for', () => {
    const { repository } = overview;
    if (!repository) throw new Error('there is a repository');
    const kept = { timeline: 1, fromLsn: '0/1', toLsn: '0/1', fromMs: nowMs, toMs: null, isAbandoned: true };
    const intervals = [{ ...kept, labels: ['KEPT'] }];
    const text = backupsText(
      { ...overview, repository: { ...repository, intervals, missingHistory: 3 } },
      nowMs,
    );
    expect(text).toContain(
      'The end of KEPT at 2026-11-27 12:00:00Z, and nothing behind it (timeline 1, given up)',
    );
    expect(text).toContain('The history of timeline 3 has not reached the repository');
  });

  it('says by which host a repository is served, and which data cannot be read for it', () => {
    const repository = { type: 'host', host: 'w-1', port: 8432, path: '/repo', encrypted: false } as const;
    const config = overview.config && { ...overview.config, repository };
    const running = { state: 'running' as const, port: 8432, detail: '' };
    const failed = { state: 'failed' as const, port: 8432, detail: 'unable to bind' };
    const servers = [
      { node: 'w-1', gives: 'repository' as const, server: running },
      { node: 'node-1', gives: 'data' as const, server: running },
      { node: 'node-2', gives: 'data' as const, server: failed },
      { node: 'node-3', gives: 'data' as const, server: null },
    ];
    const [place, ...lines] = backupsText({ ...overview, config, servers }, nowMs)
      .split('\n')
      .slice(0, 4);
    expect(place).toBe('Repository w-1:/repo: ok');
    expect(lines).toEqual([
      'The repository is served by w-1, port 8432: running.',
      'Backups read the data of node-2, port 8432: FAILED: unable to bind.',
      'Backups read the data of node-3: it does NOT answer.',
    ]);
  });

  it('what a verification found is said by name, with what it leaves; one of two copies loses nothing', () => {
    const job = (problems: string[], isWhole: boolean): BackupJob => ({
      ...{ id: 'v', work: { kind: 'verify' }, trigger: 'person', scheduleId: null, requestedBy: 'anna' },
      ...{ reason: '', state: 'done', node: 'node-2', fromStandby: false, attempt: 1, notBeforeMs: 0 },
      ...{ startedAtMs: nowMs - 9000, endedAtMs: nowMs - 5000, detail: '', percent: null, bytesDone: null },
      warnings: [],
      result: {
        ...{ kind: 'verify', gaps: [] },
        verification: {
          ...{ ok: problems.length === 0, wal: { checked: 1, valid: 1, problems: [] }, other: [] },
          backups: [{ label: '20261127-110000F', ok: isWhole, checked: 9, valid: isWhole ? 9 : 8, problems }],
        },
      },
    });
    const damaged = job(['invalid checksum: pg_data/base/4/2619.zst'], false);
    expect(damageText(damaged, overview.repository)).toBe(
      [
        'verify: DAMAGE FOUND:',
        '  ! 20261127-110000F: invalid checksum: pg_data/base/4/2619.zst',
        'What can still be restored:',
        '  Any moment from 2026-11-27 11:00:00Z to 2026-11-27 11:58:55Z',
      ].join('\n'),
    );
    const none = overview.repository && { ...overview.repository, intervals: [] };
    expect(damageText(damaged, none)).toContain('  Nothing.');
    expect(damageText(damaged, undefined)).toContain('cannot be told now');
    expect(damageHint(damaged)).toContain('backup now --type full');
    const listed = backupsText({ ...overview, lastVerification: damaged }, nowMs);
    expect(listed).toContain('5 s ago, DAMAGE FOUND.\n  ! 20261127-110000F: invalid checksum');
    const copy = job(['backup.manifest and its copy differ: one of them is damaged'], true);
    expect(damageText(copy, overview.repository)).toContain('nothing is lost yet');
    expect(damageHint(copy)).toContain('reads the other copy');
    expect(damageText(job([], true), overview.repository)).toBeNull();
    expect(endText(job([], true))).toBe('verify on node-2: good');
  });

  it('says of a named point that no restore leads there', () => {
    const point = { timeline: 2, lsn: '0/1', atMs: nowMs, by: 'anna' };
    const points = [
      { ...point, name: 'too early', isLost: true },
      { ...point, name: 'release', isLost: false },
    ];
    const lines = backupsText({ ...overview, points }, nowMs).split('\n');
    expect(lines.find((line) => line.startsWith('too early'))).toContain('CANNOT BE REACHED');
    expect(lines.find((line) => line.startsWith('release'))).not.toContain('CANNOT');
  });

  it('says how to begin', () => {
    expect(backupsText({ ...overview, config: null }, nowMs)).toContain('quantadb backup configure');
  });
});
