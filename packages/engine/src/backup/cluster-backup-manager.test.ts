import { expect, it } from 'vitest';
import type { Commander } from '../cluster/commander.ts';
import type { Command } from '../cluster/commands.ts';
import { pendingSteps } from '../cluster/operation-steps.ts';
import type { Peers } from '../cluster/peer-protocol.ts';
import { apply } from '../cluster/state.ts';
import { backupConfigSchema, noBackups } from '../contract/backup.ts';
import type { ClusterState, Operation } from '../contract/cluster-state.ts';
import type { ClusterMonitor } from '../monitor/cluster-monitor.ts';
import type { Clock } from '../shared/clock.ts';
import { silentLogger } from '../shared/logger.ts';
import { demoState } from '../testing/demo-state.ts';
import { ClusterBackupManager } from './cluster-backup-manager.ts';

const config = backupConfigSchema.parse({
  ...{ stanza: 'demo', revision: 1, repository: { type: 'posix', path: '/backups' }, secrets: {} },
  ...{ impact: {}, schedules: [], retention: {}, drills: null, archiveTimeoutSeconds: 60 },
});

/** The manager of a decider whose commands are applied at once; the nodes take every order. */
function managing(first: ClusterState) {
  let state = first;
  let nowMs = 0;
  const ordered: string[] = [];
  const submit = async (command: Command) => {
    const { state: next, result } = apply(state, command, nowMs);
    state = next ?? state;
    return result;
  };
  const call = async (member: { name: string }, method: string) => {
    const server = { dataDir: '/d', socketDir: '/s', port: 1 };
    if (method === 'backup-node') return { problem: null, load: 0, server, archiving: null };
    if (method === 'start-backup-job') ordered.push(member.name);
    if (method === 'look-at-backup-job') throw new Error('it does not answer');
    return { ok: true };
  };
  const reports = async () => new Map([['node-1', { role: 'primary', state: 'running', standbys: [] }]]);
  const manager = new ClusterBackupManager({
    ...{ commander: { submit } as unknown as Commander, peers: { call } as unknown as Peers },
    ...{ monitor: { reports } as unknown as ClusterMonitor, logger: silentLogger, state: () => state },
    clock: { monotonicMs: () => nowMs, wallMs: () => nowMs } as Clock,
    leadership: () => ({ isLeader: true, leaderRaftId: 1, term: 1, leaderSinceMs: 0 }),
  });
  const seconds = async (count: number) => {
    for (let second = 0; second < count; second += 1) {
      nowMs += 1000;
      manager.tick();
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  };
  const change = (work: (now: ClusterState) => ClusterState) => {
    state = work(state);
  };
  return { seconds, change, ordered, job: () => state.backup?.job, submit };
}

const begin: Command = {
  kind: 'begin-backup-job',
  job: {
    ...{ id: 'j', work: { kind: 'backup', type: 'full' }, trigger: 'person', scheduleId: null },
    ...{ requestedBy: 'anna', reason: '' },
  },
  serves: [],
};

it('I-BACKUP-8: no backup is given to a node while a hold or a note is being set', async () => {
  const holding: Operation = {
    ...{ id: 'o', kind: 'hold-backup', state: 'running', params: {}, requestedBy: 'anna', reason: '' },
    ...{ steps: pendingSteps('hold-backup'), error: null, startedAtMs: 0, endedAtMs: null },
  };
  const backup = { ...noBackups, config };
  const { seconds, change, ordered, job, submit } = managing({ ...demoState(), backup, operation: holding });
  await submit(begin);
  await seconds(5);
  expect(ordered).toEqual([]);
  expect(job()).toMatchObject({ state: 'waiting', attempt: 0 });
  change((now) => ({ ...now, operation: null }));
  await seconds(2);
  expect(ordered).toEqual(['node-1']);
  expect(job()).toMatchObject({ state: 'running', attempt: 1 });
});
