import type { ClusterState, Member, NodePolicy } from '../contract/cluster-state.ts';
import { delayMsOf, isApart, upstreamSetFor } from '../replication/apart.ts';
import { isInSyncSet } from '../replication/sync-target.ts';
import { durationWords } from '../shared/words.ts';

/** What follows for a node from being set apart (pure): whom it streams from, how late it is, and what is refused. */

type Policies = Pick<ClusterState, 'members' | 'reign' | 'source'>;

/** Whom a cascading node may stream from as the agreed state stands; null: from the primary only. */
export function cascadeUpstream(state: ClusterState, self: string): Member | null {
  const upstream = state.members[upstreamSetFor(state.members[self]) ?? ''];
  if (!upstream || upstream.name === state.reign.primary || upstream.name === self) return null;
  // First the set lets go of it, in its own order: until then it confirms to the primary.
  if (isInSyncSet(state, self)) return null;
  const isFit = upstream.kind === 'data' && upstream.phase === 'active' && upstream.maintenance === null;
  return isFit && !isApart(upstream) ? upstream : null;
}

/** By how much PostgreSQL is to be late. */
export function applyDelayFor(state: ClusterState | null, self: string): number {
  if (!state || state.reign.primary === self || isInSyncSet(state, self)) return 0;
  return delayMsOf(state.members[self]);
}

/** Why the node cannot be set apart like that, with the next step; null when it can. */
export function whyNotApart(state: Policies, node: string, change: Partial<NodePolicy>): string | null {
  const member = state.members[node];
  if (!member || !(change.upstream || change.applyDelayMs)) return null;
  if (state.source)
    return `The cluster follows ${state.source.name}: its nodes are set apart once it is promoted.`;
  if (state.reign.primary === node)
    return `${node} is the primary. Switch over first: quantadb switchover --to <standby>.`;
  if (member.phase !== 'active') return `${node} is ${member.phase}. Wait until it streams: quantadb status.`;
  const policy = { ...member.policy, ...change };
  if (policy.upstream && (policy.applyDelayMs ?? 0) > 0)
    return `${node} can cascade or be delayed, not both: after a failover it would stay on a former upstream for as long as it is delayed. End the other first: quantadb node set ${node} ${change.upstream ? '--delay none' : '--upstream primary'}.`;
  const fed = Object.values(state.members).find((each) => upstreamSetFor(each) === node);
  if (fed)
    return `${fed.name} streams from ${node}, and cascades are one level deep. Change that first: quantadb node set ${fed.name} --upstream primary.`;
  return change.upstream ? whyNotUpstream(state, node, change.upstream) : null;
}

function whyNotUpstream(state: Policies, node: string, name: string): string | null {
  const upstream = state.members[name];
  if (name === node) return `${node} cannot stream from itself. Name another standby.`;
  if (!upstream) return `${name} is no member of this cluster. See: quantadb nodes.`;
  if (upstream.kind !== 'data') return `${name} is a ${upstream.kind} and holds no data. Name a standby.`;
  if (state.reign.primary === name)
    return `${name} is the primary, which every standby streams from by itself. Name a standby, or: quantadb node set ${node} --upstream primary.`;
  if (upstream.phase !== 'active')
    return `${name} is ${upstream.phase}. Wait until it streams: quantadb status.`;
  const next = upstreamSetFor(upstream);
  if (next)
    return `${name} streams from ${next} itself, and cascades are one level deep. Name ${next === node ? 'another standby' : `${next} or another standby`}.`;
  if (delayMsOf(upstream) > 0)
    return `${name} is delayed by ${durationWords(delayMsOf(upstream))} on purpose. Name another standby.`;
  return null;
}
