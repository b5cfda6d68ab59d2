import { describe, expect, it } from 'vitest';
import { type BackupJob, backupConfigSchema, backupJobSchema } from '../contract/backup.ts';
import { type RepositoryView, repositoryViewSchema } from '../contract/backup-view.ts';
import { lastWord, stateOfEach, unite } from './united.ts';

function view(path: Partial<RepositoryView>): RepositoryView {
  return repositoryViewSchema.parse({
    ...{ atMs: 1, state: 'ok', detail: 'ok', backups: [], intervals: [], gaps: [], timelines: [] },
    ...{ conflicts: [], newest: null, expiring: [] },
    ...path,
  });
}

const noSecrets = { cipherPass: null, s3Key: null, s3KeySecret: null };
const config = backupConfigSchema.parse({
  ...{ stanza: 'demo', revision: 1, drills: null, archiveTimeoutSeconds: 60, impact: {}, retention: {} },
  ...{ repository: { type: 'posix', path: '/one' }, secrets: noSecrets, schedules: [] },
  further: [{ number: 2, repository: { type: 'posix', path: '/two' }, secrets: noSecrets, retention: {} }],
});

function verified(id: string, repository: number, ok: boolean): BackupJob {
  const wal = { checked: 1, valid: ok ? 1 : 0, problems: [] };
  return backupJobSchema.parse({
    ...{ id, work: { kind: 'verify', repository }, trigger: 'person', scheduleId: null, reason: '' },
    ...{ requestedBy: 'anna', state: 'done', node: 'node-1', fromStandby: false, attempt: 1, notBeforeMs: 0 },
    ...{ startedAtMs: 1, endedAtMs: 2, detail: '', percent: null, bytesDone: null, warnings: [] },
    result: { kind: 'verify', gaps: [], verification: { ok, wal, backups: [], other: [] } },
  });
}

const interval = { timeline: 1, fromLsn: '0/1', toLsn: '0/9', fromMs: 1, toMs: 9, labels: [] };
const full = view({
  intervals: [{ ...interval, isAbandoned: false }],
  newest: { timeline: 1, lsn: '0/9000000', atMs: 9 },
});

describe('several repositories together', () => {
  it('I-REPOSITORY-6: one that cannot be read hides nothing of the others, and is named', () => {
    const { repository, problem } = unite([
      { number: 1, view: null, problem: 'node-1: no such directory' },
      { number: 2, view: full, problem: null },
    ]);
    expect(repository?.intervals).toEqual([{ ...interval, isAbandoned: false, repository: 2 }]);
    expect(repository?.newest?.lsn).toBe('0/9000000');
    expect(problem).toBe('repository 1: node-1: no such directory');
  });

  it('I-REPOSITORY-6: one that is not there any more counts as one that cannot be read', () => {
    const gone = view({ state: 'missing', detail: 'missing stanza path' });
    const read = [
      { number: 1, view: gone, problem: null },
      { number: 2, view: full, problem: null },
    ];
    expect(unite(read)).toMatchObject({ repository: { state: 'ok' }, problem: expect.stringMatching(/1/) });
    const owed = { repository: 1, segments: 4, isMore: false, sinceMs: 5, detail: '' };
    expect(stateOfEach(read, { config, owed: [owed] })).toMatchObject([
      { number: 1, place: '/one', state: 'missing', problem: 'missing stanza path', owed },
      { number: 2, place: '/two', state: 'ok', problem: null, owed: null },
    ]);
  });

  it('I-REPOSITORY-6: what was found in one is not hidden by a later look at another', () => {
    const damaged = verified('damaged', 1, false);
    const word = (...pastJobs: BackupJob[]) => lastWord({ config, pastJobs }, 'verify')?.id;
    expect(word()).toBeUndefined();
    expect(word(damaged, verified('good', 2, true))).toBe('damaged');
    expect(word(damaged, verified('mended', 1, true), verified('good', 2, true))).toBe('good');
  });

  it('leaves a single one as it is', () => {
    expect(unite([{ number: 1, view: full, problem: null }])).toEqual({ repository: full, problem: null });
  });
});
