import type { Failover, SealVote, TimelineRecord } from '../contract/cluster-state.ts';
import type { Election } from './decide.ts';

/** Where one round of an election stands (pure). */

/** Nobody has been granted yet. */
export function isElecting(failover: Failover): boolean {
  return failover.state === 'SEAL' || failover.state === 'COLLECT' || failover.state === 'NO_SAFE_CANDIDATE';
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
