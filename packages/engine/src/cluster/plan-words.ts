import type { ClusterState } from '../contract/cluster-state.ts';
import { intendedTarget } from '../replication/sync-target.ts';
import { dataMembers } from './membership.ts';
import type { PlanInput } from './plan-body.ts';

/** Who votes and whom writes wait for, in words (pure). */

export function quorumWords(input: PlanInput): string {
  if (!input.state) return 'none';
  const nodes = countWords(dataMembers(input.state).length, 'data node');
  return `${voterWords(input.votersNow.size)}, ${nodes}, writes wait for ${syncSetWords(input.state)}`;
}

export function quorumAfterWords(voters: number, state: ClusterState | null): string {
  if (!state) return 'none';
  const { standbys, count } = intendedTarget(state);
  const set = { ...state.syncSet, standbys, count };
  const nodes = countWords(dataMembers(state).length, 'data node');
  return `${voterWords(voters)}, ${nodes}, writes wait for ${syncSetWords({ syncSet: set })}`;
}

/** Whom a commit waits for: "1 of node-2, node-3". */
export function syncSetWords({ syncSet }: Pick<ClusterState, 'syncSet'>): string {
  return syncSet.count === 0 ? 'no standby' : `${syncSet.count} of ${syncSet.standbys.join(', ')}`;
}

function voterWords(voters: number): string {
  const survives = Math.floor((voters - 1) / 2);
  return `${countWords(voters, 'voter')} (survives the loss of ${survives})`;
}

/** "1 node", "2 nodes" */
export function countWords(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}
