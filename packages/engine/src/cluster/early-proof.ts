import type { ClusterState } from '../contract/cluster-state.ts';
import { compareLsn } from '../postgres/lsn.ts';

/**
 * Whether this node's WAL is a prefix of the candidate's, by their votes. That the candidate won is not enough: WAL
 * beyond a fork does not count in an election, and is in the way of streaming all the same.
 */
export function holdsNoMoreThanCandidate(state: ClusterState, self: string, candidate: string): boolean {
  const failover = state.failover;
  if (failover?.candidate !== candidate) return false;
  const voteOf = (node: string) => failover.votes.find((vote) => vote.ok && vote.node === node);
  const own = voteOf(self);
  const theirs = voteOf(candidate);
  if (!own?.ok || !theirs?.ok || !own.promotable) return false;
  const fork = theirs.history.find((past) => past.parentId === own.position.timeline);
  const endLsn = own.position.timeline === theirs.position.timeline ? theirs.position.lsn : fork?.forkLsn;
  return endLsn !== undefined && compareLsn(own.position.lsn, endLsn) <= 0;
}
