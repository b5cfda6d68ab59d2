import type { TimelineRecord, WalPosition } from '../contract/cluster-state.ts';
import { formatLsn, parseLsn } from './lsn.ts';

/**
 * Which WAL belongs to the cluster's history (pure). A timeline forks off its parent at a recorded position; whatever
 * the parent holds beyond that position was lost by the takeover, and must not count for anything.
 */

export interface TimelineHistory {
  /** The timeline of the reigning (or last) primary. */
  current: number;
  timelines: readonly TimelineRecord[];
}

/** The current timeline first, then its parents down to the one initdb made, as far as they are known. */
export function ancestryOf(timeline: number, timelines: readonly TimelineRecord[]): TimelineRecord[] {
  const line: TimelineRecord[] = [];
  let next: number | null = timeline;
  while (next !== null && line.length <= timelines.length) {
    const record: TimelineRecord | undefined = timelines.find((each) => each.id === next);
    if (!record) break;
    line.push(record);
    // A parent is always older, so a record that says otherwise is damaged and ends the walk.
    next = record.parentId !== null && record.parentId < record.id ? record.parentId : null;
  }
  return line;
}

/**
 * What the history file of `timeline` says, oldest first, as far back as the cluster goes. Empty while one of its forks is not
 * recorded: nobody knows then which WAL belongs to it.
 */
export function historyOf(
  timeline: number,
  timelines: readonly TimelineRecord[],
): { timeline: number; endLsn: string }[] {
  const forks = ancestryOf(timeline, timelines).filter(({ parentId }) => parentId !== null);
  const known = forks.flatMap(({ parentId, forkLsn }) =>
    parentId === null || forkLsn === null ? [] : [{ timeline: parentId, endLsn: forkLsn }],
  );
  return known.length < forks.length ? [] : known.reverse();
}

/**
 * Where `timeline` was left on the way to the current one: beyond it, its WAL is no part of the history. Null for the
 * current timeline itself, for one outside its ancestry, and for a fork that is not recorded yet.
 */
export function forkPointOf(timeline: number, history: TimelineHistory): string | null {
  const line = ancestryOf(history.current, history.timelines);
  const child = line.find((record) => record.parentId === timeline);
  return child?.forkLsn ?? null;
}

export type HistoryVerdict =
  | { kind: 'contained' }
  /** `timeline` is the last one the node shares with the history, `forkLsn` where they part. */
  | { kind: 'diverged'; forkLsn: string; timeline: number }
  | { kind: 'unknown-timeline' };

/** Says whether WAL that ends at `position` is a prefix of the cluster's history. */
export function judgeHistory(position: WalPosition, history: TimelineHistory): HistoryVerdict {
  const shared = sharedWith(position.timeline, history);
  if (!shared) return { kind: 'unknown-timeline' };
  if (shared.forkLsn === null || parseLsn(position.lsn) <= shared.forkLsn) return { kind: 'contained' };
  return { kind: 'diverged', forkLsn: formatLsn(shared.forkLsn), timeline: shared.timeline };
}

/**
 * Orders two ends of WAL by how much of the cluster's history they hold: negative when left holds less. WAL of an older
 * timeline counts up to its recorded fork point only: a returned old primary at 100 does not beat a successor
 * that forked off at 80 and stands at 90. A timeline that was allocated but whose fork is not recorded yet outranks the
 * current one, because whoever was promoted to it held every acknowledged write. WAL on a timeline nobody knows ranks
 * below everything: it proves nothing.
 */
export function compareWalPositions(left: WalPosition, right: WalPosition, history: TimelineHistory): number {
  const ranks = [rankOf(left, history), rankOf(right, history)] as const;
  const byGeneration = ranks[0].generation - ranks[1].generation;
  if (byGeneration !== 0) return byGeneration;
  if (ranks[0].lsn !== ranks[1].lsn) return ranks[0].lsn < ranks[1].lsn ? -1 : 1;
  return left.timeline - right.timeline;
}

interface Rank {
  /** 0 proves nothing, 1 measured against the recorded history, more: on that many unrecorded successors. */
  generation: number;
  lsn: bigint;
}

const provesNothing = (lsn: bigint): Rank => ({ generation: 0, lsn });

function rankOf(position: WalPosition, history: TimelineHistory): Rank {
  const lsn = parseLsn(position.lsn);
  const own = ancestryOf(position.timeline, history.timelines);
  const current = ancestryOf(history.current, history.timelines);
  const shared = own.find((record) => current.some((each) => each.id === record.id));
  if (!shared) return provesNothing(lsn);
  const generation = 1 + ancestryOf(shared.id, history.timelines).filter(isUnrecorded).length;
  const branch = own.slice(0, own.indexOf(shared));
  if (branch.length > 0 && shared.id === history.current) {
    if (branch.some((record) => record.status === 'abandoned')) return provesNothing(lsn);
    return { generation: generation + branch.filter(isUnrecorded).length, lsn };
  }
  if (branch.some(isUnrecorded)) return provesNothing(lsn);
  const forks = [childOf(shared.id, current), childOf(shared.id, own)];
  const caps = forks.flatMap((child) => (child?.forkLsn ? [parseLsn(child.forkLsn)] : []));
  return { generation, lsn: caps.reduce((low, cap) => (cap < low ? cap : low), lsn) };
}

/** Granted, but nobody has said yet where it leaves its parent. */
function isUnrecorded(record: TimelineRecord): boolean {
  return record.forkLsn === null && record.parentId !== null;
}

/**
 * The newest timeline that both `timeline` and the current one descend from, and the position up to which they are the
 * same: the lower of the two forks. `forkLsn` is null when there is no fork to cap by.
 */
function sharedWith(
  timeline: number,
  history: TimelineHistory,
): { timeline: number; forkLsn: bigint | null } | null {
  const current = ancestryOf(history.current, history.timelines);
  const own = ancestryOf(timeline, history.timelines);
  const shared = own.find((record) => current.some((each) => each.id === record.id));
  if (!shared) return null;
  const forks = [childOf(shared.id, current), childOf(shared.id, own)].filter((child) => child !== undefined);
  if (forks.length === 0) return { timeline: shared.id, forkLsn: null };
  const known = forks.flatMap((child) => (child.forkLsn === null ? [] : [parseLsn(child.forkLsn)]));
  // A fork that is not recorded yet cannot be judged by: nothing beyond the timeline itself is proven.
  if (known.length < forks.length) return null;
  return { timeline: shared.id, forkLsn: known.reduce((low, lsn) => (lsn < low ? lsn : low)) };
}

function childOf(timeline: number, line: readonly TimelineRecord[]): TimelineRecord | undefined {
  return line.find((record) => record.parentId === timeline);
}
