import { expect, it } from 'vitest';
import type { BackupJob } from '../contract/backup.ts';
import { backupConfigSchema, noBackups } from '../contract/backup.ts';
import type { ClusterState } from '../contract/cluster-state.ts';
import { demoState } from '../testing/demo-state.ts';
import { backupHandlers } from './backup-steps.ts';
import type { Commander } from './commander.ts';
import type { StepContext } from './operation-runner.ts';
import type { Peers } from './peer-protocol.ts';
import { planOf } from './plan.ts';

const config = backupConfigSchema.parse({
  ...{ stanza: 'demo', revision: 1, repository: { type: 'posix', path: '/backups' }, secrets: {} },
  ...{ impact: {}, schedules: [], retention: {}, drills: null, archiveTimeoutSeconds: 60 },
});
const job = (kind: 'backup' | 'expire' | 'verify', state: BackupJob['state'], attempt: number) =>
  ({ id: 'j', work: { kind, type: 'full' }, state, attempt }) as BackupJob;
const withJob = (standing: BackupJob | null): ClusterState => ({
  ...demoState(),
  backup: { ...noBackups, config, job: standing },
});
const label = '20261101-000000F';

it('I-BACKUP-8: a note is refused while work stands that would write over it, by the plan already', () => {
  const refusal = (standing: BackupJob | null, kind: 'hold-backup' | 'note-backup' = 'hold-backup') =>
    planOf(
      {
        state: withJob(standing),
        self: 'node-1',
        nowMs: 0,
        votersNow: new Set([1, 2, 3]),
        reports: new Map(),
      },
      { kind, label, note: 'for the auditors' },
    ).refusal;
  expect(refusal(job('backup', 'running', 1))).toMatch(/^A full backup runs, .*Wait for its end/);
  expect(refusal(job('expire', 'running', 1), 'note-backup')).toMatch(/would be lost/);
  expect(refusal(job('backup', 'waiting', 1)), 'its first attempt may go on').toMatch(/would be lost/);
  expect(refusal(job('backup', 'waiting', 0)), 'it has read nothing yet').toBeNull();
  expect(refusal(job('verify', 'running', 1)), 'it only reads').toBeNull();
  expect(refusal(null)).toBeNull();
});

it('I-BACKUP-8: a note that is set while a backup is begun is not said to be stored', async () => {
  let standing: BackupJob | null = null;
  const call = async () => {
    standing = job('backup', 'running', 1);
  };
  const resources = {
    commander: {} as Commander,
    peers: { call } as unknown as Peers,
    backupSecrets: () => null,
  };
  const [hold] = backupHandlers(resources)['hold-backup'];
  const operation = { id: 'o', params: { label, note: 'for the auditors' }, requestedBy: 'anna' };
  const context = { state: () => withJob(standing), operation } as unknown as StepContext;
  await expect(hold?.(context)).rejects.toThrow('would be lost');
});
