import { expect, it } from 'vitest';
import type { BackupJob } from '../contract/backup.ts';
import { backupConfigSchema, backupRequestSchemas, noBackups } from '../contract/backup.ts';
import { demoState } from '../testing/demo-state.ts';
import { backupHandlers, configureParams } from './backup-steps.ts';
import type { Commander } from './commander.ts';
import type { Command } from './commands.ts';
import type { StepContext } from './operation-runner.ts';
import type { Peers } from './peer-protocol.ts';

it('work that waits is cancelled although the node that it ran on before is gone', async () => {
  const submitted: Command[] = [];
  const submit = async (command: Command) => {
    submitted.push(command);
    return { ok: true };
  };
  const call = async () => {
    throw new Error('it does not answer');
  };
  const [cancel] = backupHandlers({
    ...{ commander: { submit } as unknown as Commander, peers: { call } as unknown as Peers },
    backupSecrets: () => null,
  })['cancel-backup'];
  const job = { id: 'j', node: 'node-2', state: 'waiting' } as BackupJob;
  const cancelOf = (state: BackupJob['state']) =>
    cancel?.({
      state: () => ({ ...demoState(), backup: { ...noBackups, job: { ...job, state } } }),
      operation: { requestedBy: 'anna' },
    } as unknown as StepContext);
  await expect(cancelOf('running')).rejects.toThrow('it does not answer');
  expect(submitted).toEqual([]);
  expect(await cancelOf('waiting')).toBe('cancelled by anna');
  expect(submitted).toMatchObject([{ kind: 'end-backup-job', id: 'j', state: 'cancelled' }]);
});

it('settings are not agreed on with the secrets of before when those that were given are lost', async () => {
  const [schema] = backupRequestSchemas;
  const secrets = { cipherPass: 'the new one', s3Key: null, s3KeySecret: null };
  const repository = { type: 'posix', path: '/backups', encrypted: true };
  const params = configureParams(schema.parse({ kind: 'configure-backup', repository, secrets }));
  expect(JSON.stringify(params)).not.toContain('the new one');
  const config = backupConfigSchema.parse({
    ...{
      stanza: 'demo',
      revision: 1,
      repository,
      secrets: { ...secrets, cipherPass: 'the old one' },
      impact: {},
    },
    ...{ schedules: [], retention: {}, drills: null, archiveTimeoutSeconds: 60 },
  });
  const submitted: Command[] = [];
  const submit = async (command: Command) => {
    submitted.push(command);
    return { ok: true };
  };
  const [, , agree] = backupHandlers({
    ...{ commander: { submit } as unknown as Commander, peers: {} as Peers },
    backupSecrets: (operation) => (operation === 'here' ? secrets : null),
  })['configure-backup'];
  const agreeTo = (id: string, known: typeof params) =>
    agree?.({
      state: () => ({ ...demoState(), backup: { ...noBackups, config } }),
      operation: { id, params: known, requestedBy: 'anna' },
    } as unknown as StepContext);
  await expect(agreeTo('begun-elsewhere', params)).rejects.toThrow(/secrets .* not known here/);
  expect(submitted).toEqual([]);
  await agreeTo('here', params);
  expect(submitted[0]).toMatchObject({ kind: 'set-backup', config: { secrets } });
  // One that gives none goes on with those of before, whatever was given with others.
  await agreeTo(
    'another',
    configureParams(schema.parse({ kind: 'configure-backup', archiveTimeoutSeconds: 30 })),
  );
  expect(submitted[2]).toMatchObject({ config: { secrets: { cipherPass: 'the old one' } } });
});
