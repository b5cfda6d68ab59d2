import { type BackupOverview, backupOverviewSchema } from '@quantadb/engine/contract/backup-view';
import { expect, it } from 'vitest';
import { damagedPages, failedWork, tooOld, unreadOf, viewsOf } from './backup-each.ts';

const hour = 3_600_000;
const nowMs = 100 * hour;

function backup(label: string, change: object = {}) {
  return {
    ...{ label, type: 'full', prior: null, references: [], startLsn: '0/1', stopLsn: '0/2' },
    ...{ startWal: 'W', stopWal: 'W', databaseId: 1, databaseBytes: 1, copiedBytes: 1, repositoryBytes: 1 },
    ...{ hasPageErrors: false, notes: {}, unusable: null, keptBecause: [], goes: null },
    ...{ startMs: nowMs - 2 * hour, stopMs: nowMs - hour },
    ...change,
  };
}

function job(work: object, state: string) {
  return {
    ...{ id: 'j', work, trigger: 'person', scheduleId: null, requestedBy: 'ada', reason: '', state },
    ...{ node: 'n1', fromStandby: false, attempt: 1, notBeforeMs: 0, startedAtMs: nowMs, endedAtMs: nowMs },
    ...{ detail: 'away', percent: null, bytesDone: null, warnings: [], result: null },
  };
}

type Configured = BackupOverview & { config: NonNullable<BackupOverview['config']> };

/** Of two repositories, directories both. */
function overview(backups: object[], parts: object = {}): Configured {
  const posix = (path: string) => ({ type: 'posix', path });
  return backupOverviewSchema.parse({
    config: {
      ...{ stanza: 'demo', revision: 1, repository: posix('/one'), impact: {}, schedules: [], retention: {} },
      ...{ drills: null, archiveTimeoutSeconds: 60 },
      further: [{ number: 2, repository: posix('/two'), retention: {} }],
    },
    ...{ job: null, pastJobs: [], points: [], nextRuns: [], lastDrill: null, lastVerification: null },
    ...{ problem: null, look: null, archiving: null },
    repository: {
      ...{ atMs: nowMs, state: 'ok', detail: '', backups, gaps: [], timelines: [], conflicts: [] },
      ...{ newest: null, expiring: [], intervals: [] },
    },
    ...parts,
  }) as Configured;
}

it('tells that one of several repositories has no backup, and of one that is away nothing', () => {
  const lateMs = { late: hour, unscheduled: 36 * hour };
  const found = (seen: Configured) =>
    viewsOf(seen).flatMap((view) => tooOld(view, { name: 'demo', nowMs, lateMs }));
  const first = overview([backup('A', { repository: 1 })]);
  expect(found(first)).toEqual([
    { subject: 'repository 2', sentence: 'demo has no backup that could be restored in repository 2.' },
  ]);
  const old = backup('B', { repository: 2, stopMs: nowMs - 40 * hour });
  expect(found(overview([backup('A', { repository: 1 }), old])).map(({ sentence }) => sentence)).toEqual([
    expect.stringMatching(/^The newest good backup of demo in repository 2 is .* old\.$/),
  ]);
  const away = {
    ...{ number: 2, place: '/two', state: null, problem: 'away', backups: 0, newest: null },
    ...{ missingSegments: 0, owed: null },
  };
  const unread = overview([backup('A', { repository: 1 })], { repositories: [away] });
  expect(unreadOf(unread)).toEqual([2]);
  expect(found(unread)).toEqual([]);
});

it('tells that work on one failed, although the same was done on another since', () => {
  const backUp = { kind: 'backup', type: 'full' };
  const pastJobs = [job({ ...backUp, repository: 2 }, 'failed'), job(backUp, 'done')];
  expect(failedWork(overview([], { pastJobs }), 'demo')).toEqual([
    {
      subject: 'backup (repository 2)',
      sentence: 'The last backup (repository 2) of demo failed on n1: away',
    },
  ]);
});

it('tells of pages that were damaged in the database when its newest full backup, or what is built on it, was made', () => {
  const [good, bad] = [backup('A'), backup('B', { hasPageErrors: true })];
  const built = backup('A_1', { type: 'incr', hasPageErrors: true });
  const subjects = (...backups: object[]) =>
    damagedPages(overview(backups), 'demo').map(({ subject }) => subject);
  expect(subjects(good, bad)).toEqual(['pages']);
  expect(subjects(good, built)).toEqual(['pages']);
  expect(subjects(bad, good)).toEqual([]);
});
