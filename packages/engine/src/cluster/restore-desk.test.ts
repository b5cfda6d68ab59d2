import { expect, it } from 'vitest';
import type { BackupHost } from '../backup/backup-host.ts';
import { type BackupJob, type BackupState, noBackups } from '../contract/backup.ts';
import { type RestoreIntoStart, restorePlanSchema } from '../contract/restore.ts';
import { systemClock } from '../shared/clock.ts';
import { QuantaError } from '../shared/errors.ts';
import { demoState } from '../testing/demo-state.ts';
import type { Command, CommandResult } from './commands.ts';
import type { Peers } from './peer-protocol.ts';
import { configAfter } from './plan-backup.ts';
import { RestoreDesk } from './restore-desk.ts';

const label = '20261101-000000F';
const plan = restorePlanSchema.parse({
  ...{ label, timeline: 2, recovery: { kind: 'latest' }, endMs: null, databaseBytes: 1, walSegmentsMax: 1 },
  ...{ expectedMs: null, lost: '', warnings: [] },
});
const config = configAfter(demoState(), {
  ...{ repository: { type: 'posix', path: '/repo', encrypted: false }, secrets: null, impact: null },
  ...{ retention: null, schedules: null, drills: null, archiveTimeoutSeconds: null },
});
const addresses = { raft: { host: 'h', port: 1 }, api: { host: 'h', port: 2 }, postgres: null };
const start: RestoreIntoStart = {
  ...{ host: { name: 'spare', addresses }, cluster: 'copy', target: { kind: 'latest' } },
  ...{ planHash: 'x', requestedBy: 'anna', reason: '' },
};

/** A member that is asked to restore into a new cluster, and what it does about that. */
function openDesk(submit: () => Promise<CommandResult>, known: Partial<BackupState> = {}, level = 12) {
  const done: unknown[] = [];
  const desk = new RestoreDesk({
    state: () => ({ ...demoState(), level, backup: { ...noBackups, config, ...known } }),
    commander: {
      submit: (command: Command) => {
        done.push(command);
        return submit();
      },
    },
    peers: {
      call: async (_host: unknown, method: string, { input }: { input: unknown }) => {
        done.push([method, input]);
        return { operationId: 'one' };
      },
    } as unknown as Peers,
    backups: { holdsData: true, planOwnRestore: async () => ({ ok: true, plan }) } as unknown as BackupHost,
    clock: { ...systemClock, wallMs: () => 5000 },
  });
  return { desk, done };
}

it('I-BACKUP-9: retention is told of a restore into a new cluster before the host begins', async () => {
  const { desk, done } = openDesk(async () => ({ ok: true }));
  expect(await desk.startInto(start)).toEqual({ operationId: 'one' });
  const guest = { host: 'spare', repository: 1, label, untilMs: 5000 + 24 * 3_600_000 };
  expect(done[0]).toEqual({ kind: 'note-guest-restore', guest });
  expect(done[1]).toMatchObject(['start', { request: { way: { label } } }]);
});

it('I-BACKUP-9: a restore that retention cannot be told of does not begin, unless the cluster has no majority and does nothing', async () => {
  const refused = openDesk(async () => ({ ok: false, reason: '20 were begun within a day' }));
  await expect(refused.desk.startInto(start)).rejects.toThrow(/20 were begun within a day/);
  expect(refused.done).toHaveLength(1);
  const noMajority = () => Promise.reject(new QuantaError('NO_QUORUM', 'nobody took it'));
  expect(await openDesk(noMajority).desk.startInto(start)).toEqual({ operationId: 'one' });
  // A member of an earlier release may be the one that is lost.
  const mixed = openDesk(noMajority, { job: { id: 'j' } as BackupJob }, 11);
  expect(await mixed.desk.startInto(start)).toEqual({ operationId: 'one' });
  const busy = openDesk(noMajority, { job: { id: 'j' } as BackupJob });
  await expect(busy.desk.startInto(start)).rejects.toThrow(/nobody took it/);
});

it('I-BACKUP-6: the host is told what was found damaged, so that it finds the way that was confirmed', async () => {
  const verification = {
    ...{ ok: false, wal: { checked: 1, valid: 1, problems: [] }, other: [] },
    backups: [{ label: 'B', ok: false, checked: 5, valid: 4, problems: ['invalid checksum'] }],
  };
  const job = { state: 'done', work: { kind: 'verify' }, result: { kind: 'verify', verification, gaps: [] } };
  const { desk, done } = openDesk(async () => ({ ok: true }), { pastJobs: [job as unknown as BackupJob] });
  await desk.startInto(start);
  expect(done[1]).toMatchObject(['start', { request: { source: { known: { verified: verification } } } }]);
});
