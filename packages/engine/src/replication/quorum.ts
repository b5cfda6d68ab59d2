import type { SyncSet } from '../contract/cluster-state.ts';

/**
 * The quorum rule (pure). PostgreSQL waits for `count` acknowledgements out of `standbys` (S) besides the primary L; an
 * election takes the candidate and `votes` of the electors V ∪ {L}. Every acknowledgement set must meet every election
 * set, which holds while |V ∪ S ∪ {L}| ≤ n + q + 1 and one of V, S contains the other.
 */

export const emptySyncSet: SyncSet = { electors: [], votes: 0, standbys: [], count: 0 };

/**
 * Says what is wrong with a sync set, or null when every commit meets every election.
 *
 * @param primary L, or null before the first reign
 */
export function syncSetProblem(set: SyncSet, primary: string | null): string | null {
  const electors = new Set(set.electors);
  const standbys = new Set(set.standbys);
  if (electors.size !== set.electors.length || standbys.size !== set.standbys.length) {
    return 'a node is named twice';
  }
  if (primary !== null && (electors.has(primary) || standbys.has(primary))) {
    return `the primary ${primary} cannot be its own standby`;
  }
  if (set.count > standbys.size) return `${set.count} acknowledgements out of ${standbys.size} standbys`;
  const nested = isSubset(electors, standbys) || isSubset(standbys, electors);
  if (!nested) return 'neither of electors and standbys contains the other';
  const union = new Set([...electors, ...standbys]);
  const total = union.size + 1;
  if (total > set.count + set.votes + 1) {
    return `${total} nodes are too many for ${set.count} acknowledgements and ${set.votes} votes`;
  }
  return null;
}

/** The set that is aimed at: V = S = the active standbys, n as wanted, q = what is left. */
export function targetSyncSet(activeStandbys: string[], wantedCount: number): SyncSet {
  const standbys = [...activeStandbys].sort();
  const count = Math.min(wantedCount, standbys.length);
  return { electors: standbys, votes: standbys.length - count, standbys, count };
}

/**
 * The set after `candidate` takes over from `oldPrimary`: V = (V − candidate) ∪ {old L}, same q, so exactly the elections
 * that were possible before stay possible. The new primary waits for n = |V| − q of S = V before its first write. A
 * standby that was about to become an elector may lack acknowledged writes: it is left out and joins again.
 */
export function syncSetAfterElection(set: SyncSet, oldPrimary: string | null, candidate: string): SyncSet {
  if (candidate === oldPrimary || oldPrimary === null || set.electors.length === 0) return set;
  const electors = set.electors.filter((name) => name !== candidate);
  const others = [...electors, oldPrimary].sort();
  return {
    electors: others,
    votes: set.votes,
    standbys: others,
    count: Math.max(0, others.length - set.votes),
  };
}

function isSubset(inner: Set<string>, outer: Set<string>): boolean {
  return [...inner].every((name) => outer.has(name));
}
