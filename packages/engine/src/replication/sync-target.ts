import { dataMembers } from '../cluster/membership.ts';
import type { ClusterState, Member, Operation } from '../contract/cluster-state.ts';
import { isApart } from './apart.ts';
import type { SyncTarget } from './transitions.ts';

/** Who should be in the sync set (pure): from the members, the durability that was chosen, and who keeps up. */

/** What is observed of the standbys, beside what is agreed. */
export interface StandbyHealth {
  /** Streams and has kept up for long enough to be waited for. */
  mayEnter(name: string): boolean;
  /** Has confirmed nothing new for longer than an `available` cluster waits. */
  isLost(name: string): boolean;
}

export function syncTargetOf(state: ClusterState, health: StandbyHealth): SyncTarget {
  const isStrict = state.durability.strictness === 'strict';
  const members = stayingMembers(state);
  const wanted = wantedCount(state, members.length);
  const able = members
    .filter((member) => member.name !== state.reign.primary)
    .filter((member) =>
      isInSyncSet(state, member.name)
        ? isStrict || !health.isLost(member.name)
        : member.maintenance === null && health.mayEnter(member.name),
    );
  const standbys = inOtherZones(state, able, wanted)
    .map((member) => member.name)
    .sort();
  return { standbys, count: Math.min(wanted, standbys.length), isStrict };
}

/** All of them, unless commits are to be in two zones and enough standbys are somewhere else than the primary. */
function inOtherZones(state: ClusterState, able: Member[], wanted: number): Member[] {
  const zone = state.members[state.reign.primary ?? '']?.zone ?? null;
  if (!state.durability.acrossZones || state.durability.mode === 'all' || zone === null) return able;
  const elsewhere = able.filter((member) => member.zone !== null && member.zone !== zone);
  return elsewhere.length >= Math.max(1, wanted) ? elsewhere : able;
}

/** The target once every standby that belongs to the set has kept up; what a plan shows. */
export function intendedTarget(state: ClusterState): SyncTarget {
  return syncTargetOf(state, { mayEnter: () => true, isLost: () => false });
}

export function isInSyncSet(state: Pick<ClusterState, 'syncSet'>, name: string): boolean {
  return state.syncSet.electors.includes(name) || state.syncSet.standbys.includes(name);
}

/** Half of the data nodes, the primary among them, hold a commit besides the primary (design: n = ⌊data nodes / 2⌋). */
function wantedCount(state: ClusterState, dataNodes: number): number {
  return state.durability.mode === 'all' ? dataNodes - 1 : Math.floor(dataNodes / 2);
}

/** A node that is being removed, or set apart, leaves the set first, which this is what brings about. */
function stayingMembers(state: ClusterState): Member[] {
  const leaving = state.operation && leavingNode(state.operation);
  return dataMembers(state).filter(
    (member) =>
      member.phase === 'active' &&
      member.name !== leaving &&
      (member.name === state.reign.primary || !isApart(member)),
  );
}

function leavingNode({ kind, params, steps, cancel }: Operation): unknown {
  const isAdding = kind === 'add-node' || kind === 'replace-node';
  if (cancel) return isAdding ? params.name : null;
  if (kind === 'remove-node') return params.node;
  const isReplaced = steps.some(({ name, state }) => name === 'Join the synchronous set' && state === 'done');
  return kind === 'replace-node' && isReplaced ? params.node : null;
}
