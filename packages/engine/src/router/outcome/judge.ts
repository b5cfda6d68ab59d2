import { compareLsn } from '../../postgres/lsn.ts';
import type { RouterTopology } from '../topology.ts';
import type { CommitMark } from './commit-mark.ts';

/** What has become of a transaction whose COMMIT was not answered. */
export type CommitOutcome = 'committed' | 'rolled-back' | 'unknown';

export type Whereabouts =
  /** The primary's WAL holds its mark: the primary knows the rest. */
  | 'kept'
  /** The primary's WAL leaves the old one before its mark: it has committed nowhere. */
  | 'cut-off'
  /** The way from its timeline to the primary's is not known, or not yet. */
  | 'unclear';

/** Whether a transaction up to its mark is part of `timeline` (pure). A commit lies behind its mark. */
export function whereIs(
  mark: CommitMark,
  { timeline, timelines }: Pick<RouterTopology, 'timeline' | 'timelines'>,
): Whereabouts {
  let id = timeline;
  // A parent has the smaller number: this ends.
  while (id > mark.timeline) {
    const record = timelines.find((each) => each.id === id);
    if (!record?.forkLsn || record.parentId === null || record.parentId >= id) return 'unclear';
    if (record.parentId === mark.timeline)
      return compareLsn(mark.lsn, record.forkLsn) <= 0 ? 'kept' : 'cut-off';
    id = record.parentId;
  }
  return id === mark.timeline ? 'kept' : 'unclear';
}

/** What the primary says of a transaction that its WAL holds (pg_xact_status). @returns null: not decided yet */
export function outcomeOf(status: string | null): CommitOutcome | null {
  switch (status) {
    case 'committed':
      return 'committed';
    case 'aborted':
      return 'rolled-back';
    case 'in progress':
      return null;
    default:
      // So long ago that nobody remembers.
      return 'unknown';
  }
}
