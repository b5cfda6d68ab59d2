import type { RestorePoint } from '../contract/backup.ts';
import type { RepositoryView, RestorableIntervalView } from '../contract/backup-view.ts';
import type { WalPosition } from '../contract/cluster-state.ts';
import { parseLsn } from '../postgres/lsn.ts';
import { momentWords } from '../shared/words.ts';

interface Known {
  repository: Pick<RepositoryView, 'backups' | 'intervals'>;
  points: readonly RestorePoint[] | null;
  isGivenUp?(position: WalPosition): boolean;
}

/**
 * What a moment may mean besides (pure). Recovery to a time follows the cluster's own line: at a moment of a stretch that a
 * failover or a restore has given up it ends at the fork, without a word about what was there then.
 */
export function givenUpAt(input: Known, atMs: number): string[] {
  return input.repository.intervals
    .filter((each) => each.isAbandoned && each.toMs !== null && atMs < each.toMs)
    .filter((each) => atMs >= forkedAfterMs(input, each))
    .map((each) => warning(input, each));
}

/** The line was still the cluster's own by then: whatever is known of it from before the fork says so. */
function forkedAfterMs({ repository, points, isGivenUp }: Known, interval: RestorableIntervalView): number {
  const forkLsn = parseLsn(interval.fromLsn);
  const own = new Set(
    repository.intervals.filter((each) => !each.isAbandoned).flatMap(({ labels }) => labels),
  );
  const backups = repository.backups
    .filter(({ label, stopLsn }) => own.has(label) && parseLsn(stopLsn) <= forkLsn)
    .map(({ stopMs }) => stopMs);
  const named = (points ?? [])
    .filter((point) => !isGivenUp?.(point) && parseLsn(point.lsn) <= forkLsn)
    .map((point) => point.atMs);
  return Math.max(interval.fromMs, ...backups, ...named);
}

function warning({ points, isGivenUp }: Known, interval: RestorableIntervalView): string {
  const { timeline, fromLsn, toLsn, toMs } = interval;
  const point = points?.findLast(
    (each) => each.timeline === timeline && isGivenUp?.(each) && parseLsn(each.lsn) <= parseLsn(toLsn),
  );
  const until = toMs === null ? '' : ` until ${momentWords(toMs)}`;
  const nearest = point
    ? `the point "${point.name}" of ${momentWords(point.atMs)}`
    : `the position ${fromLsn} to ${toLsn} on timeline ${timeline} (--lsn, --timeline)`;
  return `Timeline ${timeline} went on from ${fromLsn}${until}, and the cluster has given it up: what was committed there is not in this. What leads there: ${nearest}.`;
}

/** Why nothing of the cluster's own timeline can be restored yet (pure); null when that is not so. */
export function awaitedWords({
  missingHistory,
}: {
  missingHistory?: number | null | undefined;
}): string | null {
  return missingHistory === null || missingHistory === undefined
    ? null
    : `The history of timeline ${missingHistory} has not reached the repository: what was committed since it began cannot be restored yet.`;
}
