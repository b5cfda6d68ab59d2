import { type ClusterState, type Member, usualPolicy } from '../contract/cluster-state.ts';

/** A healthy cluster of three data nodes in epoch 3, for tests of pure logic. */
export function demoState(): ClusterState {
  const members = Object.fromEntries([1, 2, 3].map((number) => [`node-${number}`, demoMember(number)]));
  return {
    version: 1,
    revision: 20,
    level: 2,
    clusterId: 'c1',
    name: 'demo',
    createdAtMs: 0,
    nextRaftId: 4,
    systemIdentifier: '42',
    members,
    reign: { epoch: 3, primary: 'node-1', timeline: 2 },
    timelines: [
      { id: 1, parentId: null, forkLsn: null, epoch: 1, status: 'recorded' },
      { id: 2, parentId: 1, forkLsn: '0/80', epoch: 3, status: 'recorded' },
    ],
    syncSet: { electors: ['node-2', 'node-3'], votes: 1, standbys: ['node-2', 'node-3'], count: 1 },
    syncProgress: { move: 3, unconfirmed: [] },
    durability: { mode: 'quorum', strictness: 'strict', syncTimeoutMs: 10_000 },
    parameters: {},
    hba: [],
    failover: null,
    pastFailovers: [],
    operation: null,
    pastOperations: [],
    events: [],
    nextEventId: 1,
  };
}

export function demoMember(number: number): Member {
  return {
    name: `node-${number}`,
    raftId: number,
    kind: 'data',
    addresses: {
      raft: { host: '127.0.0.1', port: 7200 + number },
      api: { host: '127.0.0.1', port: 7100 + number },
      postgres: { host: '127.0.0.1', port: 5500 + number },
    },
    zone: null,
    phase: 'active',
    maintenance: null,
    policy: { ...usualPolicy },
  };
}
