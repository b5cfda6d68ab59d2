import { describe, expect, it } from 'vitest';
import type { ClusterState, Durability, Operation } from '../contract/cluster-state.ts';
import { demoMember, demoState } from '../testing/demo-state.ts';
import { emptySyncSet, targetSyncSet } from './quorum.ts';
import { intendedTarget, isInSyncSet, syncTargetOf } from './sync-target.ts';

function cluster(nodes: number, durability: Partial<Durability> = {}): ClusterState {
  const state = demoState();
  const numbers = Array.from({ length: nodes }, (_, index) => index + 1);
  state.members = Object.fromEntries(numbers.map((number) => [`node-${number}`, demoMember(number)]));
  state.syncSet = targetSyncSet(
    numbers.slice(1).map((number) => `node-${number}`),
    Math.floor(nodes / 2),
  );
  Object.assign(state.durability, durability);
  return state;
}

const lost = (...names: string[]) => ({
  mayEnter: () => true,
  isLost: (name: string) => names.includes(name),
});
const removal = (node: string) => ({ kind: 'remove-node', params: { node } }) as unknown as Operation;

describe('who should be in the sync set', () => {
  it('is every data node, and half of the data nodes are waited for', () => {
    const counts = [1, 2, 3, 4, 5, 6, 7].map((nodes) => intendedTarget(cluster(nodes)).count);
    expect(counts).toEqual([0, 1, 1, 2, 2, 3, 3]);
    expect(intendedTarget(cluster(3, { mode: 'all' }))).toMatchObject({ count: 2 });
    expect(intendedTarget(cluster(1))).toEqual({ standbys: [], count: 0, isStrict: true });
  });

  it('keeps a lost standby in a strict cluster, and drops it in an available one', () => {
    expect(syncTargetOf(cluster(3), lost('node-3')).standbys).toEqual(['node-2', 'node-3']);
    const available = cluster(3, { strictness: 'available' });
    expect(syncTargetOf(available, lost('node-3'))).toEqual({
      standbys: ['node-2'],
      count: 1,
      isStrict: false,
    });
    expect(syncTargetOf(available, lost('node-2', 'node-3'))).toMatchObject({ standbys: [], count: 0 });
  });

  it('takes in nobody who is in maintenance, a witness, joining or slow, and lets go of nobody for maintenance', () => {
    const state = cluster(5);
    state.syncSet = emptySyncSet;
    const maintenance = { reason: '', sinceMs: 0, untilMs: null, by: 'me' };
    for (const [name, more] of Object.entries({
      'node-2': { maintenance },
      'node-3': { kind: 'witness' as const },
      'node-4': { phase: 'joining' as const },
    })) {
      Object.assign(state.members[name] ?? {}, more);
    }
    expect(intendedTarget(state).standbys).toEqual(['node-5']);
    expect(syncTargetOf(state, { mayEnter: () => false, isLost: () => false }).standbys).toEqual([]);
    state.syncSet = targetSyncSet(['node-2', 'node-5'], 1);
    expect(intendedTarget(state).standbys).toEqual(['node-2', 'node-5']);
  });

  it('waits across zones when that was chosen and enough standbys are elsewhere', () => {
    const state = cluster(4, { acrossZones: true });
    const zones = { 'node-1': 'a', 'node-2': 'a', 'node-3': 'b', 'node-4': 'c' };
    for (const [name, zone] of Object.entries(zones)) Object.assign(state.members[name] ?? {}, { zone });
    expect(intendedTarget(state)).toMatchObject({ standbys: ['node-3', 'node-4'], count: 2 });
    const available = { ...state, durability: { ...state.durability, strictness: 'available' as const } };
    expect(syncTargetOf(available, lost('node-4'))).toMatchObject({
      standbys: ['node-2', 'node-3'],
      count: 2,
    });
    state.reign.primary = 'node-3';
    expect(intendedTarget(state)).toMatchObject({ standbys: ['node-1', 'node-2', 'node-4'], count: 2 });
    expect(intendedTarget({ ...state, durability: { ...state.durability, mode: 'all' } }).count).toBe(3);
  });

  it('leaves out the node that an operation is removing, which makes it leave the set first', () => {
    const state = cluster(5);
    state.operation = removal('node-5');
    expect(isInSyncSet(state, 'node-5')).toBe(true);
    expect(intendedTarget(state)).toEqual({
      standbys: ['node-2', 'node-3', 'node-4'],
      count: 2,
      isStrict: true,
    });
  });
});
