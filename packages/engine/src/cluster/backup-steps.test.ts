import { expect, it } from 'vitest';
import type { BackupJob } from '../contract/backup.ts';
import { noBackups } from '../contract/backup.ts';
import { demoState } from '../testing/demo-state.ts';
import { backupHandlers } from './backup-steps.ts';
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
