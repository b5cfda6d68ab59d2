import type { ClusterState } from '../contract/cluster-state.ts';
import type { Network } from '../contract/network.ts';
import {
  type ClusterStatus,
  type NodeStatus,
  type NoQuorum,
  type SourceStatus,
  wellStates,
} from '../contract/status.ts';
import { intendedTarget } from '../replication/sync-target.ts';
import { noQuorumWords } from './no-quorum.ts';
import { followingWords } from './source-status.ts';

/** The health of a cluster in one word and one sentence (pure): what an on-call engineer reads first. */

export interface VerdictInput {
  state: ClusterState;
  nodes: NodeStatus[];
  /** Whether a majority of the Raft voters answers. */
  hasLeader: boolean;
  noQuorum?: NoQuorum | null;
  network?: Network;
  /** Whose commits wait for less, by their own settings. */
  unguarded?: readonly string[];
  /** Whom the cluster follows. */
  source?: SourceStatus | null;
}

export type Verdict = Pick<ClusterStatus, 'health' | 'verdict'>;

export function judge(input: VerdictInput): Verdict {
  const { state, nodes } = input;
  if (input.source) return judgeFollowing(input, input.source);
  const primary = servingPrimary(nodes);
  if (!primary && input.noQuorum) return { health: 'down', verdict: noQuorumWords(input.noQuorum) };
  if (!primary) return { health: 'down', verdict: `Down. ${whyNoPrimary(input)}` };
  const acknowledging = acknowledgingIn(input);
  if (acknowledging < state.syncSet.count) {
    const words = `writes wait for ${state.syncSet.count} of ${state.syncSet.standbys.join(', ')}, and ${acknowledging} is streaming`;
    return { health: 'down', verdict: `Writes are blocked rather than risked: ${words}.` };
  }
  const problems = nodes.filter((node) => !isWell(node)).map((node) => describe(node));
  const outside = nodes.filter((node) => isWaitedForLater(input, node)).map((node) => node.name);
  if (outside.length > 0) problems.push(`writes do not wait for ${outside.join(', ')} yet`);
  // A node that nobody hears is in the list already.
  const { network } = input;
  if (network && network.kind !== 'connected' && network.kind !== 'cut-off')
    problems.push(`network: ${network.verdict.replace(/\.$/, '')}`);
  if (!input.hasLeader) problems.push('no Raft leader is known, so no failover is possible');
  const spare = acknowledging - state.syncSet.count;
  if (problems.length > 0)
    return { health: 'degraded', verdict: `Degraded: ${problems.join('; ')}. ${spareWords(input, spare)}` };
  return { health: 'healthy', verdict: `Healthy. ${spareWords(input, spare)}` };
}

/** How many nodes may still be lost (pure); null while nothing is promised: no primary, writes wait, or the cluster follows. */
export function spareOf(input: VerdictInput): ClusterStatus['spare'] {
  const { count, votes } = input.state.syncSet;
  if (input.source || !servingPrimary(input.nodes)) return null;
  if (count === 0) return { nodes: 0, isPrimaryAlone: true };
  const over = acknowledgingIn(input) - count;
  return over < 0 ? null : { nodes: Math.min(over, votes), isPrimaryAlone: false };
}

function servingPrimary(nodes: readonly NodeStatus[]): NodeStatus | undefined {
  return nodes.find((node) => node.role === 'primary' && node.state === 'running');
}

/** Members of the synchronous set that stream now. */
function acknowledgingIn({ state, nodes }: VerdictInput): number {
  const following = new Set(nodes.filter((node) => node.state === 'streaming').map((node) => node.name));
  return state.syncSet.standbys.filter((name) => following.has(name)).length;
}

/** A cluster that follows another one takes no writes, and is well when every node has what the source wrote. */
function judgeFollowing(input: VerdictInput, source: SourceStatus): Verdict {
  const following = followingWords(source);
  const sentence = `${following.charAt(0).toUpperCase()}${following.slice(1)}.`;
  const isEnding = input.state.source?.ending != null;
  if (isEnding)
    return { health: 'degraded', verdict: `It is being promoted: nothing of ${source.name} is received.` };
  const problems = input.nodes.filter((node) => !isWell(node)).map((node) => describe(node));
  if (!source.isStreaming) problems.unshift(`nothing arrives from ${source.name}`);
  if (!input.hasLeader) problems.push('no Raft leader is known, so no other node can take over following');
  if (problems.length === 0) return { health: 'healthy', verdict: `Healthy. ${sentence}` };
  const isServing = input.nodes.some(({ role }) => role === 'standby');
  const health = isServing ? 'degraded' : 'down';
  return { health, verdict: `${isServing ? 'Degraded' : 'Down'}: ${problems.join('; ')}. ${sentence}` };
}

function isWell(node: NodeStatus): boolean {
  return wellStates.has(node.state);
}

/** A standby that streams and is to be part of the synchronous set, but has not joined it yet. */
function isWaitedForLater({ state }: VerdictInput, node: NodeStatus): boolean {
  const isStandby = node.kind === 'data' && node.state === 'streaming' && !node.maintenance;
  const isMeant = intendedTarget(state).standbys.includes(node.name);
  return isStandby && isMeant && !state.syncSet.standbys.includes(node.name);
}

function describe(node: NodeStatus): string {
  return `${node.name} is ${node.state}${node.detail ? ` (${node.detail})` : ''}`;
}

function spareWords(input: VerdictInput, spare: number): string {
  const outside = input.unguarded ?? [];
  if (outside.length === 0 || input.state.durability.mode === 'async') return lossWords(input, spare);
  return `${lossWords(input, spare)} Outside this promise: ${outside.join(', ')}.`;
}

function lossWords(input: VerdictInput, spare: number): string {
  const { state } = input;
  if (state.syncSet.count === 0) {
    return 'Writes are acknowledged by the primary alone: losing it can lose the newest ones.';
  }
  const losses = Math.min(spare, state.syncSet.votes);
  if (losses <= 0) return 'Losing one more node stops writes; none that was acknowledged is lost.';
  return `Can lose ${losses} more node${losses === 1 ? '' : 's'} without losing an acknowledged write or stopping.`;
}

function whyNoPrimary(input: VerdictInput): string {
  const { failover, reign } = input.state;
  if (!input.hasLeader) return 'No majority of the voters can be reached, so nobody may be primary.';
  if (failover?.state === 'NO_SAFE_CANDIDATE') return failover.blockedBy ?? 'No node may be promoted safely.';
  if (failover && failover.state !== 'REJOIN') return `A ${failover.kind} is under way (${failover.state}).`;
  if (reign.primary === null) return 'The cluster is being created.';
  return `${reign.primary} should be primary but does not serve.`;
}
