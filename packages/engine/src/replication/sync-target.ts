import { dataMembers } from '../cluster/membership.ts';
import type { ClusterState, Member } from '../contract/cluster-state.ts';
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
  const standbys = members
    .filter((member) => member.name !== state.reign.primary)
    .filter((member) =>
      isInSyncSet(state, member.name)
        ? isStrict || !health.isLost(member.name)
        : member.maintenance === null && health.mayEnter(member.name),
    )
    .map((member) => member.name)
    .sort();
  const count = Math.min(wantedCount(state, members.length), standbys.length);
  return { standbys, count, isStrict };
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

/** A node that is being removed leaves the set first, which this is what brings about. */
function stayingMembers(state: ClusterState): Member[] {
  const { operation } = state;
  const leaving = operation?.kind === 'remove-node' ? operation.params.node : null;
  return dataMembers(state).filter((member) => member.phase === 'active' && member.name !== leaving);
}
