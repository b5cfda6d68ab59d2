import { describe, expect, it } from 'vitest';
import type { ClusterState } from '../contract/cluster-state.ts';
import { demoState } from '../testing/demo-state.ts';
import { whyNever, whyWaiting } from './pool/pool-resources.ts';
import { isOlder } from './topology.ts';
import { topologyOf } from './topology-of.ts';

const streaming = { role: 'standby', state: 'streaming', lagBytes: 0, lagMs: 0 } as const;
const nodes = new Map(['node-1', 'node-2', 'node-3'].map((name) => [name, streaming]));
const place = { host: '10.0.0.1', port: 7100 };

function topology(state: ClusterState) {
  return topologyOf({ state, nodes, self: 'node-1', socketDirectory: null });
}

const standbyCluster: ClusterState = {
  ...demoState(),
  reign: { epoch: 0, primary: null, timeline: 2 },
  source: {
    ...{ clusterId: 'p1', name: 'prod', members: [{ name: 'prod-1', api: place, postgres: place }] },
    ...{ primary: 'prod-1', epoch: 3, leader: 'node-1', turn: 0, ending: null, voidEpoch: 0 },
  },
};

describe('what the routers of a cluster go by', () => {
  it('is the primary of the open reign, which is waited for when there is none', () => {
    expect(topology(demoState())).toMatchObject({ primary: 'node-1', follows: null });
    expect(whyNever(topology(demoState()))).toBeNull();
    const between = topology({ ...demoState(), reign: { epoch: 0, primary: null, timeline: 2 } });
    expect(whyWaiting(between)).toContain('no primary');
    expect(whyNever(between)).toBeNull();
  });

  it('is never less than what was told before: a daemon that has just begun may have read an old log (I-ROUTER-18)', () => {
    const known = topology({ ...demoState(), revision: 7 });
    const { epoch } = known;
    expect(isOlder({ ...known, revision: 6 }, known)).toBe(true);
    expect(isOlder({ ...known, epoch: epoch - 1, revision: 9 }, known)).toBe(true);
    expect(isOlder(known, known)).toBe(false);
    expect(isOlder({ ...known, epoch: epoch + 1, revision: 1 }, known)).toBe(false);
  });

  it('is the unix socket of its own host only where a password is enough there, whoever comes', () => {
    const socketOf = (hba: string[]) =>
      topologyOf({
        state: { ...demoState(), hba },
        nodes,
        self: 'node-1',
        socketDirectory: '/run/x',
      }).nodes.map((node) => node.socketDirectory);
    expect(socketOf([])).toEqual(['/run/x', null, null]);
    expect(socketOf(['host all all 10.0.0.0/8 cert', 'local all all md5'])).toEqual(['/run/x', null, null]);
    // As Debian has it, and an adopted server keeps it.
    expect(socketOf(['local all postgres peer', 'local all all scram-sha-256'])).toEqual([null, null, null]);
    expect(socketOf(['local all anna reject'])).toEqual([null, null, null]);
  });

  it('is in a standby cluster that no primary will come, while every node serves reads (I-ROUTER-2)', () => {
    const seen = topology(standbyCluster);
    expect(seen).toMatchObject({ primary: null, follows: 'prod' });
    expect(seen.nodes.every(({ isReadable }) => isReadable)).toBe(true);
    expect(whyNever(seen)).toBe(
      'this cluster follows prod and takes no writes: it serves statements that only read',
    );
  });
});
