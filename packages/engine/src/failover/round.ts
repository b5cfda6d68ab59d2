import type { Failover, SealVote, TimelineRecord } from '../contract/cluster-state.ts';
import type { Election } from './decide.ts';

/** Where one round of an election stands (pure). */

/** Nobody has been granted yet. */
export function isElecting(failover: Failover): boolean {
  return isCollecting(failover) || failover.state === 'NO_SAFE_CANDIDATE';
}

/**
 * The successor of that epoch's primary is being elected, and nothing has blocked it so far: who follows the former one is about to
 * be asked for its vote, and what it proved of itself now would not stand.
 */
export function isSuperseding(failover: Failover | null, epoch: number): boolean {
  return failover !== null && failover.epoch > epoch && isCollecting(failover);
}

function isCollecting({ state }: Failover): boolean {
  return state === 'SEAL' || state === 'COLLECT';
}

/**
 * How long an elector may take, and the reading of its WAL in that. The usual time is for the usual machine; where it did
 * not suffice, as when all hosts of a site start at once, the next rounds give more, or there would never be a primary.
 */
export function sealLimits(
  usualMs: number,
  blockedRounds: number,
): { deadlineMs: number; patienceMs: number } {
  const deadlineMs = usualMs * Math.min(roundsOfGrowth, 1 + Math.floor(blockedRounds / 2));
  return { deadlineMs, patienceMs: Math.floor(deadlineMs * readingShare) };
}

const roundsOfGrowth = 5;
const readingShare = 0.75;

/** A candidate that would first have to start its PostgreSQL is only taken when nobody else answers. */
export function isGoodEnough(election: Election): boolean {
  return election.kind === 'keep' || (election.kind === 'promote' && election.vote.promotable);
}

/**
 * Who can stream from the candidate before it has opened: a running standby that has voted, because only its vote tells that it
 * holds no more. The others have to wait for the new timeline to be recorded.
 */
export function earlyStandbys(votes: readonly SealVote[], candidate: string): string[] {
  return votes.flatMap((vote) =>
    vote.ok && vote.promotable && !vote.livePrimary && vote.node !== candidate ? [vote.node] : [],
  );
}

/** Once a safe candidate is known, the others get this long to show that they hold more. */
const graceMs = 30;
/** Without standbys that can stream at once, the first commit waits longer than this for them. */
const standbysGraceMs = 300;

/** How long to wait for more votes, from when a safe candidate is known. */
export function graceFor(round: {
  election: Election;
  votes: readonly SealVote[];
  /** Who is still to answer, the old primary apart: it streams from nobody. */
  pending: readonly string[];
  /** How many standbys a commit waits for. */
  count: number;
}): number {
  const { election, votes, pending, count } = round;
  if (election.kind !== 'promote' || pending.length === 0) return graceMs;
  return earlyStandbys(votes, election.candidate).length < count ? standbysGraceMs : graceMs;
}

/** The agreed timelines, completed by what the voters' own history files prove about unrecorded ones. */
export function withHistories(timelines: TimelineRecord[], votes: SealVote[]): TimelineRecord[] {
  const known = new Map(timelines.map((timeline) => [timeline.id, timeline]));
  for (const vote of votes) {
    if (!vote.ok) continue;
    for (const past of vote.history) {
      const record = known.get(past.timeline);
      if (record?.status === 'recorded') continue;
      const epoch = record?.epoch ?? 1;
      known.set(past.timeline, {
        id: past.timeline,
        parentId: past.parentId,
        forkLsn: past.forkLsn,
        epoch,
        status: 'recorded',
      });
    }
  }
  return [...known.values()].sort((left, right) => left.id - right.id);
}
