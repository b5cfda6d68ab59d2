import { formatLsn, parseLsn, parseWalFileName, segmentNumber } from '../postgres/lsn.ts';

/** Timelines as the archive's history files tell them, and which file holds which piece of WAL (pure). */

/** One line of a `.history` file, as postgres/history-files parses it: `timeline` was left at `endLsn`. */
export interface HistoryLine {
  timeline: number;
  endLsn: string;
}

/** A stretch of a line: from where the timeline begins to where the line leaves it. */
export interface LinePiece {
  timeline: number;
  beginLsn: bigint;
  /** Null at the end of the line. */
  endLsn: bigint | null;
}

/** The way WAL took to a timeline: its ancestors first, itself last. Along it positions only grow. */
export interface WalLine {
  timeline: number;
  pieces: LinePiece[];
  /** While later histories are not archived: what a recovery can be told to follow, and where the line leaves that. */
  followed?: { timeline: number; endLsn: bigint };
}

/** Segments in a row, of one timeline. */
export interface WalRun {
  fromWal: string;
  toWal: string;
  segments: number;
}

export function lineOf(timeline: number, histories: ReadonlyMap<number, HistoryLine[]>): WalLine {
  const pieces: LinePiece[] = [];
  let beginLsn = 0n;
  for (const { timeline: past, endLsn } of histories.get(timeline) ?? []) {
    const end = parseLsn(endLsn);
    pieces.push({ timeline: past, beginLsn, endLsn: end });
    beginLsn = end;
  }
  pieces.push({ timeline, beginLsn, endLsn: null });
  return { timeline, pieces };
}

/**
 * A line whose own history is not archived, as the cluster knows it: a recovery follows the newest ancestor that it finds in the
 * archive, up to the fork.
 *
 * @param agreed the history of `timeline`, oldest first, as far back as the cluster goes
 */
export function lineAsAgreed(
  timeline: number,
  agreed: readonly HistoryLine[],
  histories: ReadonlyMap<number, HistoryLine[]>,
): WalLine {
  const at = agreed.findLastIndex((past) => past.timeline === 1 || histories.has(past.timeline));
  const fork = agreed[at];
  if (!fork) return lineOf(timeline, histories);
  const all = [...(histories.get(fork.timeline) ?? []), ...agreed.slice(at)];
  const followed = { timeline: fork.timeline, endLsn: parseLsn(fork.endLsn) };
  return { ...lineOf(timeline, new Map([[timeline, all]])), followed };
}

/** The piece whose own WAL holds what is written at `lsn`. */
export function pieceAt(line: WalLine, lsn: bigint): LinePiece | undefined {
  return line.pieces.find((piece) => lsn >= piece.beginLsn && (piece.endLsn === null || lsn < piece.endLsn));
}

/** Where a line leaves a timeline that it goes through; null when it ends there or never was on it. */
export function leavesAt(line: WalLine, timeline: number): bigint | null {
  return line.pieces.find((piece) => piece.timeline === timeline)?.endLsn ?? null;
}

/** Complete segments by timeline: start of each, in bytes. */
export class SegmentIndex {
  readonly segmentBytes: number;
  private readonly byTimeline = new Map<number, Set<bigint>>();

  constructor(names: readonly string[], segmentBytes: number) {
    this.segmentBytes = segmentBytes;
    for (const name of names) {
      const parsed = parseWalFileName(name, segmentBytes);
      if (!parsed) continue;
      const known = this.byTimeline.get(parsed.timeline) ?? new Set();
      known.add(segmentNumber(parsed.startLsn, segmentBytes));
      this.byTimeline.set(parsed.timeline, known);
    }
  }

  timelines(): number[] {
    return [...this.byTimeline.keys()].sort((left, right) => left - right);
  }

  /** Numbers of a timeline's segments, in order. */
  numbersOf(timeline: number): bigint[] {
    return [...(this.byTimeline.get(timeline) ?? [])].sort((left, right) => (left < right ? -1 : 1));
  }

  has(timeline: number, number: bigint): boolean {
    return this.byTimeline.get(timeline)?.has(number) ?? false;
  }

  numberOf(lsn: bigint): bigint {
    return segmentNumber(lsn, this.segmentBytes);
  }

  startOf(number: bigint): bigint {
    return number * BigInt(this.segmentBytes);
  }

  /**
   * The piece whose file holds a segment: of a fork within it the newest, whose file begins with a copy of what was before
   * (xlog.c, XLogInitNewTimeline). Its parent's file may be there too, and is not the same: it ends at the fork, or goes on
   * with what the line has given up, and a recovery that finds no other replays that (xlogrecovery.c, XLogFileReadAnyTLI).
   */
  private pieceFor(line: WalLine, number: bigint): LinePiece | undefined {
    return line.pieces.findLast((piece) => this.numberOf(piece.beginLsn) <= number);
  }

  /** Which timeline's file a recovery along `line` needs for a segment, if it is there. Null: missing. */
  timelineFor(line: WalLine, number: bigint): number | null {
    const piece = this.pieceFor(line, number);
    return piece && this.has(piece.timeline, number) ? piece.timeline : null;
  }

  /** The only file that a recovery along `line` may read for a segment. */
  nameOn(line: WalLine, number: bigint): string {
    return this.nameOf(this.pieceFor(line, number)?.timeline ?? line.timeline, number);
  }

  /** The files of a line from one segment to another. */
  runsOn(line: WalLine, first: bigint, last: bigint): WalRun[] {
    return line.pieces.flatMap((piece, at) => {
      const next = line.pieces[at + 1];
      const begin = this.numberOf(piece.beginLsn);
      const from = begin > first ? begin : first;
      const end = next ? this.numberOf(next.beginLsn) - 1n : last;
      const to = end < last ? end : last;
      if (from > to) return [];
      const names = { fromWal: this.nameOf(piece.timeline, from), toWal: this.nameOf(piece.timeline, to) };
      return [{ ...names, segments: Number(to - from + 1n) }];
    });
  }

  /**
   * Whether a recovery to the end of the archive reads on behind a segment that is the last of the line: for want of the right file
   * PostgreSQL takes the parent's, unless it has come to a newer timeline already (xlogrecovery.c, XLogFileReadAnyTLI).
   */
  goesAstrayBehind(line: WalLine, number: bigint): boolean {
    const next = number + 1n;
    const least = this.timelineFor(line, number) ?? 0;
    const most = line.followed?.timeline ?? line.timeline;
    const able = line.pieces.filter((piece) => this.numberOf(piece.beginLsn) <= next);
    return able.some(({ timeline }) => timeline >= least && timeline <= most && this.has(timeline, next));
  }

  /** The last segment of the line that the archive holds. */
  lastNumber(line: WalLine): bigint | null {
    let last: bigint | null = null;
    for (const piece of line.pieces) {
      const own = this.numbersOf(piece.timeline).findLast((each) => this.pieceFor(line, each) === piece);
      if (own !== undefined && (last === null || own > last)) last = own;
    }
    return last;
  }

  nameOf(timeline: number, number: bigint): string {
    const perFile = 0x1_0000_0000n / BigInt(this.segmentBytes);
    return [BigInt(timeline), number / perFile, number % perFile]
      .map((part) => part.toString(16).toUpperCase().padStart(8, '0'))
      .join('');
  }
}

/** A recovery through all of a stretch ends in its last segment, or behind it. */
export function lastSegmentLsn(toLsn: string, segmentBytes: number): string {
  const end = parseLsn(toLsn);
  const start = ((end - 1n) / BigInt(segmentBytes)) * BigInt(segmentBytes);
  return lsnText(end === 0n ? end : start);
}

export function lsnText(lsn: bigint): string {
  return formatLsn(lsn);
}
