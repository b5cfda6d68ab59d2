import type { ArchiveListing, StoredBackup } from './engine.ts';
import { type HistoryLine, leavesAt, lineOf, lsnText, type SegmentIndex, type WalLine } from './wal-lines.ts';

/** The timelines that an archive holds WAL of, and what of it has no place (pure). */

interface Archived {
  listing: ArchiveListing;
  histories: ReadonlyMap<number, HistoryLine[]>;
  backups: readonly StoredBackup[];
}

export interface ArchivedTimeline {
  timeline: number;
  parentId: number | null;
  /** Where it leaves its parent. */
  beginLsn: string;
  /** What is archived of it, without a hole. */
  ranges: { fromLsn: string; toLsn: string; fromWal: string; toWal: string }[];
  /** `abandoned`: the cluster has taken another way; its WAL leads to what was given up. */
  status: 'current' | 'ancestor' | 'abandoned';
  /** WAL of it beyond the point where the cluster's line left it, for instance of a primary that was not fenced. */
  hasStrayWal: boolean;
}

/** Complete segments of the line's last timeline that the cluster's line does not go through. */
export function hasStrayWal(index: SegmentIndex, line: WalLine, own: WalLine): boolean {
  const isOn = own.pieces.some((piece) => piece.timeline === line.timeline);
  if (!isOn) return index.numbersOf(line.timeline).length > 0;
  const left = leavesAt(own, line.timeline);
  if (left === null) return false;
  return index
    .numbersOf(line.timeline)
    .some((number) => index.startOf(number) + BigInt(index.segmentBytes) > left);
}

export function timelinesOf(
  index: SegmentIndex,
  own: WalLine,
  histories: Archived['histories'],
): ArchivedTimeline[] {
  return index.timelines().map((timeline) => {
    const line = lineOf(timeline, histories);
    const parent = line.pieces.at(-2);
    const isOwn = own.pieces.some((piece) => piece.timeline === timeline);
    return {
      timeline,
      parentId: parent?.timeline ?? null,
      beginLsn: lsnText(line.pieces.at(-1)?.beginLsn ?? 0n),
      ranges: rangesOf(index, timeline),
      status: timeline === own.timeline ? 'current' : isOwn ? 'ancestor' : 'abandoned',
      hasStrayWal: isOwn && timeline !== own.timeline && hasStrayWal(index, line, own),
    };
  });
}

function rangesOf(index: SegmentIndex, timeline: number): ArchivedTimeline['ranges'] {
  const ranges: { first: bigint; last: bigint }[] = [];
  for (const number of index.numbersOf(timeline)) {
    const open = ranges.at(-1);
    if (open && number === open.last + 1n) open.last = number;
    else ranges.push({ first: number, last: number });
  }
  return ranges.map(({ first, last }) => ({
    fromLsn: lsnText(index.startOf(first)),
    toLsn: lsnText(index.startOf(last + 1n)),
    fromWal: index.nameOf(timeline, first),
    toWal: index.nameOf(timeline, last),
  }));
}

/** Segments archived twice with different content, and timelines whose beginning nobody knows. */
export function conflictsOf(input: Archived, index: SegmentIndex, current: number | null): string[] {
  const doubled = input.listing.duplicates.map(
    (name) => `${name} was archived twice, with different content`,
  );
  const orphans = index
    .timelines()
    .filter((timeline) => !hasHistory(input, timeline))
    .filter((timeline) => timeline === current || !isOnlyOfBackups(input, index, timeline))
    .map((timeline) => `the history of timeline ${timeline} is not archived: where it begins is unknown`);
  return [...doubled, ...orphans];
}

/** What retention leaves of a timeline that was given up. */
function isOnlyOfBackups({ backups }: Archived, index: SegmentIndex, timeline: number): boolean {
  return index
    .numbersOf(timeline)
    .map((number) => index.nameOf(timeline, number))
    .every((name) => backups.some(({ startWal, stopWal }) => startWal <= name && name <= stopWal));
}

/** Without it a recovery follows no timeline; the first has none. */
export function hasHistory({ histories }: Pick<Archived, 'histories'>, timeline: number): boolean {
  return timeline === 1 || histories.has(timeline);
}
