import { describe, expect, it } from 'vitest';
import { backupConfigSchema, backupJobSchema, noBackups } from '../contract/backup.ts';
import { owedAfterRestore } from './after-restore.ts';

const hourMs = 3_600_000;
const noSecrets = { cipherPass: null, s3Key: null, s3KeySecret: null };
const further = (number: number) => ({
  ...{
    number,
    repository: { type: 'posix', path: `/repository-${number}` },
    secrets: noSecrets,
    retention: {},
  },
});
const config = backupConfigSchema.parse({
  ...{ stanza: 'demo', revision: 1, drills: null, archiveTimeoutSeconds: 60, impact: {}, retention: {} },
  ...{ repository: { type: 'posix', path: '/one' }, secrets: noSecrets, schedules: [] },
  further: [further(2), further(3)],
});
const restored = { id: 'restore', node: 'node-1', outcome: 'restored' as const, atMs: 1000, words: '' };

function job(id: string, startedAtMs: number, repository?: number, state = 'done') {
  return backupJobSchema.parse({
    ...{
      id,
      work: { kind: 'backup', type: 'full', repository },
      trigger: 'person',
      scheduleId: null,
      reason: '',
    },
    ...{ requestedBy: 'anna', state, node: 'node-1', fromStandby: false, attempt: 1, notBeforeMs: 0 },
    ...{
      startedAtMs,
      endedAtMs: state === 'running' ? null : startedAtMs,
      detail: '',
      percent: null,
      bytesDone: null,
      warnings: [],
      result: null,
    },
  });
}

const before = [job('before 2', 500, 2), job('before 3', 600, 3)];
const owed = (jobs: ReturnType<typeof job>[], pastRestores = [restored], nowMs = 2000) =>
  owedAfterRestore({ pastRestores }, { ...noBackups, config, pastJobs: [...before, ...jobs] }, nowMs);

describe('the backups after a restore in place', () => {
  it('I-RESTORE-5: every further repository is owed one, in turn, after the first one’s own', () => {
    const first = job('restore', 1100);
    expect(owed([]), 'the operation begins the first').toBeNull();
    expect(owed([first])).toBe(2);
    expect(owed([first, job('a', 1200, 2)])).toBe(3);
    expect(owed([first, job('a', 1200, 2), job('b', 1300, 3)])).toBeNull();
  });

  it('one that had no backup before owes its first one to nobody but its schedule', () => {
    const jobs = [job('restore', 1100)];
    const backup = { ...noBackups, config, pastJobs: jobs };
    expect(owedAfterRestore({ pastRestores: [restored] }, backup, 2000)).toBeNull();
    expect(
      owedAfterRestore({ pastRestores: [restored] }, { ...backup, pastJobs: [...before, ...jobs] }, 2000),
    ).toBe(2);
  });

  it('I-RESTORE-5: work that failed is none, and is begun again after a pause that grows; what was cancelled is not', () => {
    const minuteMs = 60_000;
    const first = job('restore', 1100);
    const failed = job('a', 1200, 2, 'failed');
    expect(owed([first, failed]), 'meanwhile the next one has its turn').toBe(3);
    const third = job('b', 1300, 3);
    expect(owed([first, failed, third])).toBeNull();
    expect(owed([first, failed, third], [restored], 1200 + 5 * minuteMs)).toBe(2);
    const again = job('c', 1200 + 5 * minuteMs, 2, 'failed');
    expect(owed([first, failed, third, again], [restored], 1200 + 14 * minuteMs)).toBeNull();
    expect(owed([first, failed, third, again], [restored], 1200 + 15 * minuteMs)).toBe(2);
    const runs = job('d', 1200 + 15 * minuteMs, 2, 'running');
    expect(owed([first, failed, third, again, runs], [restored], 20 * hourMs)).toBeNull();
    const cancelled = job('e', 1200 + 5 * minuteMs, 2, 'cancelled');
    expect(owed([first, failed, third, cancelled], [restored], 20 * hourMs)).toBeNull();
    const own = job('restore', 1100, undefined, 'failed');
    expect(owed([own, third, job('a', 1200, 2)], [restored], 1100 + 5 * minuteMs), 'the first one too').toBe(
      1,
    );
  });

  it('nothing is owed by a restore that was taken back, nor for ever', () => {
    expect(owed([job('restore', 1100)], [{ ...restored, outcome: 'abandoned' as never }])).toBeNull();
    expect(owed([job('restore', 1100)], [restored], 26 * hourMs)).toBeNull();
    expect(owed([job('restore', 1100)], [])).toBeNull();
  });
});
