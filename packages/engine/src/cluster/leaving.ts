import type { ClusterState } from '../contract/cluster-state.ts';
import { QuantaError } from '../shared/errors.ts';
import type { NodeAgent } from './node-agent.ts';
import type { RaftGroup } from './raft-group.ts';

export interface LeavingHost {
  self: string;
  group: RaftGroup;
  agent: NodeAgent;
  /** What this host remembers of its cluster and owes it. */
  memories: { forget(): Promise<void> }[];
}

/** The host becomes a spare: PostgreSQL stops, its data is set aside, the log is forgotten. */
export async function leaveCluster(host: LeavingHost): Promise<{ ok: true }> {
  const { group, agent } = host;
  await agent.retire();
  await group.leave();
  await forgetCluster(host);
  agent.resume();
  return { ok: true };
}

/** Only of a host in no cluster: a promise that it still owed somebody must not be forgotten. */
export async function forgetCluster({ memories }: Pick<LeavingHost, 'memories'>): Promise<void> {
  for (const memory of memories) await memory.forget();
}

/**
 * The same without the cluster, for a host that nobody can take out of it: the last one, or one without a majority.
 *
 * @param cluster as the administrator has typed it
 * @throws QuantaError REFUSED
 */
export async function leaveAlone(host: LeavingHost, cluster: string): Promise<{ ok: true }> {
  const { self, group } = host;
  const name = group.member()?.clusterName;
  if (name === undefined) throw new QuantaError('REFUSED', `${self} is in no cluster`);
  if (name !== cluster) throw new QuantaError('REFUSED', `${self} is in cluster ${name}, not in ${cluster}`);
  const hasLeader = group.leadership().leaderRaftId !== null;
  const refusal = whyNotAlone(group.state(), { self, hasLeader });
  if (refusal)
    throw new QuantaError('REFUSED', refusal, {
      hint: `Take it out through the cluster: quantadb node remove ${self}`,
    });
  return leaveCluster(host);
}

/** Null: nobody else can take it out, or needs it (pure). */
export function whyNotAlone(
  state: ClusterState | null,
  { self, hasLeader }: { self: string; hasLeader: boolean },
): string | null {
  if (!state || !hasLeader) return null;
  const others = Object.keys(state.members).filter((name) => name !== self);
  if (others.length === 0) return null;
  return `${state.name} has a majority, and other nodes: ${others.join(', ')}`;
}
