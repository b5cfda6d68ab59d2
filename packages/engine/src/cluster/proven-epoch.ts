import { memberByRaftId } from './membership.ts';
import type { Peers } from './peer-protocol.ts';
import type { RaftGroup } from './raft-group.ts';

/**
 * Asks the leader, wherever it is, which epoch the cluster is in: a moment after the call, proven by a majority of the voters.
 * Before an epoch's primary has acknowledged anything its number is in the log, so whoever reads from the primary of the epoch
 * that this answers misses nothing that was acknowledged before the call.
 *
 * @returns null when nobody leads, or cannot prove it in time
 * @throws QuantaError whatever the call to the leader failed with; NOT_FOUND from a leader of an older release
 */
export async function provenEpoch(
  group: RaftGroup,
  peers: Peers,
  deadlineMs: number,
): Promise<number | null> {
  const { isLeader, leaderRaftId } = group.leadership();
  if (isLeader) return group.provenEpoch(deadlineMs);
  const state = group.state();
  const leader = state && leaderRaftId !== null ? memberByRaftId(state, leaderRaftId) : undefined;
  if (!state || !leader) return null;
  const { epoch } = await peers.call(leader, 'prove-epoch', {
    input: { clusterId: state.clusterId },
    deadlineMs,
  });
  return epoch;
}
