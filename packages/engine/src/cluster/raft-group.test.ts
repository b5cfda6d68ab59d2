import { describe, expect, it } from 'vitest';
import type { SpawnRaft } from '../raft/driver.ts';
import type { FromWorker, RaftStatus } from '../raft/worker-protocol.ts';
import { silentLogger } from '../shared/logger.ts';
import { demoState } from '../testing/demo-state.ts';
import { RaftGroup } from './raft-group.ts';
import { encodeState } from './state.ts';

const status = (appliedIndex: number, replayTo: number): RaftStatus => ({
  ...{ id: 1, role: 'follower', term: 2, leaderId: null, leaderSinceMs: null, configuration: [], peers: [] },
  ...{ commitIndex: replayTo, lastIndex: replayTo, appliedIndex, replayTo, fsyncMsMax: 0, loopDelayMsMax: 0 },
});

/** A host that was a member before; what its Raft thread says comes from the test. */
async function restarted(first: FromWorker[]) {
  let tell: (message: FromWorker) => void = () => undefined;
  const spawnRaft: SpawnRaft = (_, receive) => {
    tell = receive;
    setImmediate(() => first.forEach(receive));
    return { post: () => undefined, close: async () => undefined };
  };
  const member = { version: 1, clusterId: 'c1', clusterName: 'demo', raftId: 1 };
  const seen: [number, boolean][] = [];
  const group = new RaftGroup({
    ...{ directory: '/nowhere', spawnRaft, newId: () => 'id', logger: silentLogger, listenHost: 'h' },
    files: {
      path: '/nowhere',
      read: async () => JSON.stringify(member),
      ...{ write: async () => undefined, overwrite: async () => undefined, remove: async () => undefined },
    },
    clock: {
      monotonicMs: () => 0,
      wallMs: () => 0,
      after: () => () => undefined,
      every: () => () => undefined,
    },
    ...{ self: { name: 'node-1', host: 'h', port: 1 }, tls: { ca: '', cert: '', key: '' } },
    timing: { heartbeatMs: 100, electionMinMs: 800, electionMaxMs: 1600 },
    onLeaseRenewal: () => undefined,
    onFatal: (error) => {
      throw error;
    },
  });
  group.onChange(() => seen.push([group.state()?.revision ?? 0, group.isReplayed()]));
  await group.open();
  return { group, seen, tell };
}

const snapshotAt = (index: number, revision: number): FromWorker => ({
  type: 'snapshot',
  snapshot: { index, term: 1, data: encodeState({ ...demoState(), revision }) },
});

describe('a member that starts again', () => {
  it('is not told to have its state of before until the log it had then is applied', async () => {
    const { seen, tell } = await restarted([
      snapshotAt(10, 20),
      { type: 'status', status: status(10, 12) },
      { type: 'started', status: status(10, 12) },
    ]);
    expect(seen.length).toBeGreaterThan(0);
    expect(seen.every(([, isReplayed]) => !isReplayed)).toBe(true);
    tell({ type: 'committed', upTo: 12, entries: [] });
    tell({ type: 'status', status: status(12, 12) });
    expect(seen.at(-1)).toEqual([20, true]);
  });

  it('has it at once when nothing was behind its snapshot, whether or not it hears anybody', async () => {
    const { group } = await restarted([snapshotAt(10, 20), { type: 'started', status: status(10, 10) }]);
    expect(group.isReplayed()).toBe(true);
  });
});
