import { parseLsn } from '../postgres/lsn.ts';
import {
  type ArchivedTimeline,
  conflictsOf,
  hasHistory,
  hasStrayWal,
  timelinesOf,
} from './archived-timelines.ts';
import { type Damage, noDamage } from './damage.ts';
import type { ArchiveListing, StoredBackup } from './engine.ts';
import {
  type HistoryLine,
  leavesAt,
  lineAsAgreed,
  lineOf,
  lsnText,
  pieceAt,
  SegmentIndex,
  type WalLine,
  type WalRun,
} from './wal-lines.ts';

/**
 * What the archive can really give back (pure). pgBackRest neither notices a missing segment nor refuses a restore across
 * one: PostgreSQL then simply opens where the WAL ends, without the rest. So continuity is computed here, per timeline,
 * and nothing but what it says is ever offered.
 */

export interface CatalogueInput {
  listing: ArchiveListing;
  histories: ReadonlyMap<number, HistoryLine[]>;
  backups: readonly StoredBackup[];
  segmentBytes: number;
  /** The cluster's; null when nothing but the repository is left: then the newest one archived. */
  currentTimeline: number | null;
  /** The history of that one by the cluster's own log, for as long as it is not archived. */
  agreed?: readonly HistoryLine[];
  /** Retention has taken away WAL before this backup on purpose. Null: all of it was to be kept. */
  walKeptFrom: string | null;
  /** What cannot be read as it was written is as good as missing. */
  damage?: Damage;
}

export interface Catalogue {
  timelines: ArchivedTimeline[];
  gaps: WalGap[];
  /** Every moment that can be restored to lies in exactly one of them. */
  intervals: RestorableInterval[];
  /** Backups that lead nowhere, with the reason. */
  unusable: { label: string; reason: string }[];
  /** Segments archived twice with different content, and histories that are missing. */
  conflicts: string[];
  /** The cluster's own timeline, when its history is not archived: nothing leads beyond the fork. */
  missingHistory: number | null;
  /** Up to here the cluster's own line is safe in the repository; null when no backup is usable. */
  newest: { timeline: number; lsn: string } | null;
}

export interface WalGap {
  timeline: number;
  fromWal: string;
  toWal: string;
  segments: number;
  /** The same by timeline: where the line forks within it, names of several. */
  runs: WalRun[];
  /** The end of what can still be reached before it. */
  afterLsn: string;
  /** From the end of this backup on restores are possible again; null when none was made after it. */
  resumesWith: string | null;
  kind: 'missing' | 'expired';
  /** Those of its segments that are there, and damaged. */
  damaged: string[];
}

export interface RestorableInterval {
  /** What recovery is told to follow. */
  timeline: number;
  fromLsn: string;
  /** Recovery can go up to here. */
  toLsn: string;
  /** The moment of its beginning, at the latest. */
  fromMs: number;
  /** The last segments of it, newest first: their commits say which moment its end is. */
  lastWal: string[];
  /** Backups it can be restored from, oldest first. */
  labels: string[];
  isAbandoned: boolean;
  /** WAL follows its end that is no part of its line: a recovery to there is told where to stop. */
  isCut?: boolean;
}

/** The end of a backup is known to the second only. */
const clockGrainMs = 1000;
const lastWalMax = 4;

export function buildCatalogue(input: CatalogueInput): Catalogue {
  const damage = input.damage ?? noDamage;
  const names = input.listing.segments.flatMap(({ name }) => (damage.segments.has(name) ? [] : [name]));
  const index = new SegmentIndex(names, input.segmentBytes);
  const current = input.currentTimeline ?? index.timelines().at(-1) ?? null;
  const line = current === null ? null : ownLine(input, current);
  const walks = line
    ? linesOf(index, line, input.histories).map((each) =>
        each === line || hasHistory(input, each.timeline)
          ? walk(input, index, each)
          : endsOnly(input, index, each),
      )
    : [];
  const usable = new Set(walks.flatMap((each) => each.intervals.flatMap((interval) => interval.labels)));
  const own = walks.find((each) => each.line === line);
  const last = own?.intervals.at(-1);
  return {
    timelines: line ? timelinesOf(index, line, input.histories) : [],
    gaps: walks.flatMap((each) => each.gaps),
    intervals: walks
      .flatMap((each) => each.intervals.map((interval) => ownPart(index, interval, each.line, line)))
      .flat(),
    unusable: input.backups
      .filter((backup) => !usable.has(backup.label))
      .map(({ label }) => ({ label, reason: damage.backups.get(label) ?? reasonOf(walks, label) })),
    conflicts: conflictsOf(input, index, current),
    missingHistory: current === null || hasHistory(input, current) ? null : current,
    newest: last
      ? { timeline: pieceAt(line as WalLine, parseLsn(last.toLsn) - 1n)?.timeline ?? 0, lsn: last.toLsn }
      : null,
  };
}

interface Walk {
  line: WalLine;
  intervals: RestorableInterval[];
  gaps: WalGap[];
  reasons: Map<string, string>;
}

function ownLine({ histories, agreed = [] }: CatalogueInput, current: number): WalLine {
  return hasHistory({ histories }, current)
    ? lineOf(current, histories)
    : lineAsAgreed(current, agreed, histories);
}

/** The cluster's own line first, then that of every timeline with WAL off it. */
function linesOf(index: SegmentIndex, own: WalLine, histories: CatalogueInput['histories']): WalLine[] {
  const others = index
    .timelines()
    .filter((timeline) => timeline !== own.timeline)
    .map((timeline) => lineOf(timeline, histories))
    .filter((line) => hasStrayWal(index, line, own));
  return [own, ...others];
}

/** From every backup on this line, as far as its WAL goes without a hole. */
function walk(input: CatalogueInput, index: SegmentIndex, line: WalLine): Walk {
  const result: Walk = { line, intervals: [], gaps: [], reasons: new Map() };
  if (!hasHistory(input, line.timeline) && !line.followed) {
    const reason = withoutHistory(line.timeline);
    return { ...result, reasons: new Map(input.backups.map(({ label }) => [label, reason])) };
  }
  const last = neededUpTo(index, line);
  const backups = backupsOn(input, line).filter((backup) => !isBeyond(line, backup));
  for (const backup of input.backups)
    if (isBeyond(line, backup)) result.reasons.set(backup.label, withoutHistory(line.timeline));
  for (const [at, backup] of backups.entries()) {
    const reach = reachOf(index, line, backup, last);
    if (reach.number === null) {
      result.reasons.set(backup.label, incomplete(input, reach.missing));
      continue;
    }
    const end = index.startOf(reach.number + 1n);
    const before = result.intervals.at(-1);
    // Already within what an older backup reaches: one more to restore it from.
    if (before && parseLsn(before.toLsn) >= parseLsn(backup.stopLsn)) before.labels.push(backup.label);
    else result.intervals.push(newInterval(index, line, backup, reach.number));
    if (last !== null && reach.number < last && !result.gaps.some((gap) => gap.afterLsn === lsnText(end))) {
      const later = backups.slice(at + 1).find((next) => parseLsn(next.startLsn) >= end);
      result.gaps.push(
        gapAfter({ input, index, line, number: reach.number, last, later: later?.label ?? null }),
      );
    }
  }
  return result;
}

/**
 * Retention removes the history of a timeline with its WAL, and leaves of both what the backups that are kept need: up to its own
 * end a recovery goes by no history. Nothing else can be reached there.
 */
function endsOnly(input: CatalogueInput, index: SegmentIndex, line: WalLine): Walk {
  const result: Walk = { line, intervals: [], gaps: [], reasons: new Map() };
  for (const backup of backupsOn(input, line)) {
    const reach = reachOf(index, line, backup, index.lastNumber(line));
    if (timelineOf(backup.startWal) !== line.timeline)
      result.reasons.set(backup.label, withoutHistory(line.timeline));
    else if (reach.number === null) result.reasons.set(backup.label, incomplete(input, reach.missing));
    else
      result.intervals.push({
        ...newInterval(index, line, backup, reach.number),
        ...{ toLsn: backup.stopLsn, lastWal: [] },
      });
  }
  return result;
}

function withoutHistory(timeline: number): string {
  return `the history of timeline ${timeline} is not archived, and no recovery follows it without`;
}

function incomplete({ damage }: CatalogueInput, segment: string): string {
  const what = damage?.segments.has(segment) ? 'damaged' : 'missing';
  return `the WAL that was written during it is ${what}: ${segment}`;
}

function backupsOn({ backups, damage }: CatalogueInput, line: WalLine): StoredBackup[] {
  return backups
    .filter(({ label }) => !damage?.backups.has(label))
    .filter((backup) => isOn(line, backup))
    .sort(byStop);
}

/** The last segment that the archive holds or, of the timelines that the line has left, has to hold. */
function neededUpTo(index: SegmentIndex, line: WalLine): bigint | null {
  const archived = index.lastNumber(line);
  if (archived === null || line.pieces.length < 2) return archived;
  if (line.followed) return index.numberOf(line.followed.endLsn) - 1n;
  // The segment of the fork is the new timeline's to archive: it begins with a copy of what was before.
  const beforeFork = index.numberOf(line.pieces.at(-1)?.beginLsn ?? 0n) - 1n;
  return beforeFork > archived ? beforeFork : archived;
}

function newInterval(
  index: SegmentIndex,
  line: WalLine,
  backup: StoredBackup,
  reach: bigint,
): RestorableInterval {
  const lastWal: string[] = [];
  const first = index.numberOf(parseLsn(backup.startLsn));
  for (let number = reach; number >= first && lastWal.length < lastWalMax; number -= 1n) {
    const timeline = index.timelineFor(line, number);
    if (timeline !== null) lastWal.push(index.nameOf(timeline, number));
  }
  return {
    timeline: line.followed?.timeline ?? line.timeline,
    fromLsn: backup.stopLsn,
    toLsn: lsnText(index.startOf(reach + 1n)),
    fromMs: backup.stopMs + clockGrainMs,
    lastWal,
    labels: [backup.label],
    isAbandoned: false,
    ...(index.goesAstrayBehind(line, reach) ? { isCut: true } : {}),
  };
}

/** A backup belongs to a line when it ended on it: after the fork it holds what the line has given up. */
function isOn(line: WalLine, backup: StoredBackup): boolean {
  const timeline = timelineOf(backup.stopWal);
  const stop = parseLsn(backup.stopLsn);
  const piece = line.pieces.find((each) => each.timeline === timeline);
  return piece !== undefined && stop >= piece.beginLsn && (piece.endLsn === null || stop <= piece.endLsn);
}

/** It was made on a timeline that no recovery can be told to follow yet. */
function isBeyond({ followed }: WalLine, backup: StoredBackup): boolean {
  return followed !== undefined && timelineOf(backup.stopWal) > followed.timeline;
}

function timelineOf(wal: string): number {
  return Number.parseInt(wal.slice(0, 8), 16);
}

function byStop(left: StoredBackup, right: StoredBackup): number {
  return parseLsn(left.stopLsn) < parseLsn(right.stopLsn) ? -1 : 1;
}

/** The last segment before the first one that is missing; null when not even the backup itself can be completed. */
function reachOf(
  index: SegmentIndex,
  line: WalLine,
  backup: StoredBackup,
  last: bigint | null,
): { number: bigint | null; missing: string } {
  // A stop position at the very beginning of a segment needs nothing of it.
  const needed = index.numberOf(parseLsn(backup.stopLsn) - 1n);
  let number = index.numberOf(parseLsn(backup.startLsn));
  while (last !== null && number <= last && index.timelineFor(line, number) !== null) number += 1n;
  const reached = number - 1n;
  if (reached >= needed) return { number: reached, missing: '' };
  return { number: null, missing: index.nameOn(line, number) };
}

function gapAfter(found: {
  input: CatalogueInput;
  index: SegmentIndex;
  line: WalLine;
  number: bigint;
  last: bigint;
  later: string | null;
}): WalGap {
  const { input, index, line, number, last } = found;
  let end = number + 1n;
  while (end < last && index.timelineFor(line, end + 1n) === null) end += 1n;
  if (index.timelineFor(line, end) !== null) end -= 1n;
  const keptFrom = input.backups.find((backup) => backup.label === input.walKeptFrom);
  const fromWal = index.nameOn(line, number + 1n);
  const toWal = index.nameOn(line, end);
  const runs = index.runsOn(line, number + 1n, end);
  // By the name with its timeline, as pgBackRest's expire does: what a restore in place gave up lies at higher positions, too.
  const isExpired = keptFrom !== undefined && toWal < keptFrom.startWal;
  return {
    timeline: timelineOf(fromWal),
    fromWal,
    toWal,
    segments: Number(end - number),
    runs,
    afterLsn: lsnText(index.startOf(number + 1n)),
    resumesWith: found.later,
    kind: isExpired ? 'expired' : 'missing',
    damaged: [...(input.damage?.segments ?? [])]
      .filter((name) => runs.some((run) => run.fromWal <= name && name <= run.toWal))
      .sort(),
  };
}

/** Of another line only what the cluster's own does not hold anyway. */
function ownPart(
  index: SegmentIndex,
  interval: RestorableInterval,
  line: WalLine,
  own: WalLine | null,
): RestorableInterval[] {
  if (!own || line === own) return [interval];
  const from = divergence(index, line, own);
  if (parseLsn(interval.toLsn) <= from) return [];
  const begins = parseLsn(interval.fromLsn);
  const fromLsn = lsnText(begins > from ? begins : from);
  return [{ ...interval, fromLsn, isAbandoned: true }];
}

/** Up to here both lines are the same. What the segment of the fork begins with is in the other's file alone while the own is missing. */
function divergence(index: SegmentIndex, line: WalLine, own: WalLine): bigint {
  const fork = leavesAt(own, line.timeline) ?? line.pieces.at(-1)?.beginLsn ?? 0n;
  const number = index.numberOf(fork);
  return index.timelineFor(own, number) === null ? index.startOf(number) : fork;
}

function reasonOf(walks: Walk[], label: string): string {
  const known = walks.map((each) => each.reasons.get(label)).find((reason) => reason !== undefined);
  return known ?? 'it was made on a timeline of which the archive holds no WAL';
}
