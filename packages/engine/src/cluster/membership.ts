import type { ClusterState, Member } from '../contract/cluster-state.ts';

/** More voters make every commit slower and no cluster safer (Raft paper §6 names no limit; seven survive three losses). */
export const votersMax = 7;

/**
 * Which members should vote in Raft: as many as there are, but an odd number of at most seven, because an even number
 * raises the majority without surviving one more loss. Members that vote already keep their vote; the others are
 * taken in the order in which they joined (witnesses first: that is what they are for). Routers come and go, and never vote.
 */
export function targetVoters(members: Member[], votersNow: ReadonlySet<number>): Set<number> {
  const candidates = members.filter(
    ({ kind, phase, raftId }) => kind !== 'router' && (phase === 'active' || votersNow.has(raftId)),
  );
  const ranked = candidates
    .filter((member) => member.phase !== 'leaving')
    .sort((left, right) => rank(left, votersNow) - rank(right, votersNow) || left.raftId - right.raftId);
  const odd = ranked.length % 2 === 1 ? ranked.length : ranked.length - 1;
  const size = Math.min(votersMax, Math.max(1, odd));
  return new Set(ranked.slice(0, size).map((member) => member.raftId));
}

/**
 * What a witness would better, in words; null when nothing. Two nodes have no majority without each other, so only one of
 * them votes and nothing can be decided once that one is lost; in general an even number survives no more losses than one less.
 */
export function voteAdvice(state: ClusterState, votersNow: ReadonlySet<number>): string | null {
  const members = Object.values(state.members).filter(
    ({ kind, phase }) => kind !== 'router' && phase === 'active',
  );
  if (members.length % 2 === 1 || members.length > votersMax || members.length === 0) return null;
  const voting = members.filter((member) => votersNow.has(member.raftId));
  if (members.length === 2) {
    const [voter, second] = voting;
    const lost = second
      ? 'Both nodes vote, and have no majority without each other: when one'
      : `Of two nodes only ${voter?.name ?? 'one of them'} votes: when it`;
    return `${lost} is lost there is no automatic failover and no write. Add a witness or a third data node.`;
  }
  const votes = Math.max(voting.length, members.length - 1);
  return `Of ${members.length} nodes ${votes} vote: a witness would let the cluster survive the loss of one more.`;
}

/** A zone whose loss takes the majority with it, in words; null when there is none, or nobody has said who stands where. */
export function zoneAdvice(state: ClusterState, votersNow: ReadonlySet<number>): string | null {
  const voters = Object.values(state.members).filter((member) => votersNow.has(member.raftId));
  const zones = new Set(voters.map((member) => member.zone));
  if (voters.some((member) => member.zone === null) || voters.length < 3) return null;
  for (const zone of zones) {
    const votes = voters.filter((member) => member.zone === zone).length;
    if (voters.length - votes > voters.length / 2) continue;
    const cure = zones.size < 3 ? ' A witness in a third zone would outlive it.' : '';
    return `Zone ${zone} holds ${votes} of ${voters.length} votes: when it is lost there is no automatic failover.${cure}`;
  }
  return null;
}

function rank(member: Member, votersNow: ReadonlySet<number>): number {
  if (votersNow.has(member.raftId)) return 0;
  return member.kind === 'witness' ? 1 : 2;
}

export function memberByRaftId(state: ClusterState, raftId: number): Member | undefined {
  return Object.values(state.members).find((member) => member.raftId === raftId);
}

/** Data members in a stable order. */
export function dataMembers(state: ClusterState): Member[] {
  return Object.values(state.members)
    .filter((member) => member.kind === 'data')
    .sort((left, right) => left.raftId - right.raftId);
}
