import { constants } from 'node:fs';
import { access, open } from 'node:fs/promises';
import type { WalPosition } from '../contract/cluster-state.ts';
import { systemClock } from '../shared/clock.ts';
import { QuantaError } from '../shared/errors.ts';
import { type CommandResult, lastLines } from './command.ts';
import { readControlData } from './control-data.ts';
import { type LocalTimeline, localTimelines, readHistories } from './history-files.ts';
import type { NodePlace } from './layout.ts';
import { formatLsn, parseLsn, segmentStart } from './lsn.ts';
import { segmentPath, type WalFiles } from './wal-record.ts';
import { waldump } from './waldump.ts';

const pageHeaderBytes = 24;

/**
 * Where the WAL on this node's disk really ends: the end of its last complete record. Neither pg_control nor the
 * receiver's counters say it (both are rounded or lost by a restart), so the WAL itself is read, by PostgreSQL's own
 * pg_waldump. The only state in which the answer stands still is without a WAL receiver: the caller sees to that.
 */
export interface WalEndQuery {
  place: Pick<NodePlace, 'binDir' | 'dataDir' | 'osUser'>;
  /**
   * From a running standby: everything before it is known to be there, so reading begins there. Null for a stopped
   * server, where reading begins at the last checkpoint's REDO.
   */
  replayLsn: string | null;
  timeoutMs: number;
}

interface WalReader {
  place: WalEndQuery['place'];
  segmentBytes: number;
  endMs: number;
}

export async function exactEndOfWal(query: WalEndQuery): Promise<WalPosition> {
  const endMs = systemClock.monotonicMs() + query.timeoutMs;
  const control = await readControlData(query.place);
  const reader: WalReader = { place: query.place, segmentBytes: control.walSegmentBytes, endMs };
  const line = localTimelines(control.checkpointTimeline, await readHistories(query.place.dataDir));
  const startLsn = parseLsn(query.replayLsn ?? control.redoLsn);
  const found = await newestEnd(reader, line, { startLsn, isReplayed: query.replayLsn !== null });
  if (!found) {
    throw new QuantaError(
      'STORAGE_CORRUPT',
      `no WAL record from ${formatLsn(startLsn)} on in ${query.place.dataDir}`,
      {
        hint: 'This node cannot say how much it holds. Reinitialise it from another node.',
      },
    );
  }
  await syncSegments(reader, { timeline: found.timeline, fromLsn: startLsn, toLsn: found.end });
  return { timeline: found.timeline, lsn: formatLsn(found.end) };
}

/**
 * Tries the timelines from the newest to the oldest, because a node can know a timeline's history before it has any of
 * its WAL.
 */
async function newestEnd(
  reader: WalReader,
  line: LocalTimeline[],
  start: { startLsn: bigint; isReplayed: boolean },
): Promise<{ timeline: number; end: bigint } | null> {
  for (const { timeline, beginLsn } of line) {
    const fromLsn = start.startLsn > beginLsn ? start.startLsn : beginLsn;
    const end = await endOnTimeline(reader, timeline, fromLsn);
    if (end !== null) return { timeline, end };
    // Nothing follows what was replayed. It was replayed from this timeline if this timeline's file holds it.
    const isReplayedHere = start.isReplayed && start.startLsn > beginLsn;
    if (isReplayedHere && (await hasSegment(reader, timeline, fromLsn - 1n)))
      return { timeline, end: fromLsn };
  }
  return null;
}

/**
 * End of the last complete record at or after `fromLsn`, or null when there is none. pg_waldump says it above its statistics,
 * however its reading ended, and without printing a record: one with a long message takes longer to print than a vote may take.
 */
async function endOnTimeline(reader: WalReader, timeline: number, fromLsn: bigint): Promise<bigint | null> {
  const limitLsn = await endOfSegments(reader, timeline, fromLsn);
  if (limitLsn === null) return null;
  const shown = await read(reader, { timeline, fromLsn, limitLsn }, ['--stats']);
  const end = /^WAL statistics between \S+ and ([0-9A-F]+\/[0-9A-F]+):/m.exec(shown.stdout)?.[1];
  if (end !== undefined) return parseLsn(end);
  if (/could not find a valid record after/.test(shown.stderr)) return null;
  throw new QuantaError('POSTGRES_FAILED', `pg_waldump (code ${shown.code}): ${lastLines(shown.stderr, 3)}`);
}

function read(
  reader: WalReader,
  range: { timeline: number; fromLsn: bigint; limitLsn: bigint },
  extra: readonly string[],
): Promise<CommandResult> {
  const { place, segmentBytes, endMs } = reader;
  const timeoutMs = Math.max(1, endMs - systemClock.monotonicMs());
  return waldump(place, { ...range, segmentBytes }, extra, { timeoutMs });
}

/** End of the last segment file with WAL that follows `fromLsn`'s without a gap; null when not even that one has any. */
async function endOfSegments(reader: WalReader, timeline: number, fromLsn: bigint): Promise<bigint | null> {
  let end = segmentStart(fromLsn, reader.segmentBytes);
  while (
    (await hasSegment(reader, timeline, end)) &&
    (await isWritten(segmentPath(filesOf(reader, timeline), end)))
  )
    end += BigInt(reader.segmentBytes);
  return end > fromLsn ? end : null;
}

/** Segments are made in advance, full of zeros; a written one begins with a page header (xlog_internal.h). */
async function isWritten(path: string): Promise<boolean> {
  const file = await open(path, 'r');
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(pageHeaderBytes), 0, pageHeaderBytes, 0);
    return buffer.subarray(0, bytesRead).some((byte) => byte !== 0);
  } finally {
    await file.close();
  }
}

async function hasSegment(reader: WalReader, timeline: number, lsn: bigint): Promise<boolean> {
  try {
    await access(segmentPath(filesOf(reader, timeline), lsn), constants.R_OK);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}

/**
 * A vote counts what a crash of the machine cannot take back. A receiver that was killed may have written without
 * flushing, so its segments are flushed before anybody hears of them.
 */
async function syncSegments(
  reader: WalReader,
  range: { timeline: number; fromLsn: bigint; toLsn: bigint },
): Promise<void> {
  let lsn = segmentStart(range.fromLsn, reader.segmentBytes);
  for (; lsn < range.toLsn; lsn += BigInt(reader.segmentBytes)) {
    if (!(await hasSegment(reader, range.timeline, lsn))) continue;
    const file = await open(segmentPath(filesOf(reader, range.timeline), lsn), 'r+');
    try {
      await file.sync();
    } finally {
      await file.close();
    }
  }
}

function filesOf({ place, segmentBytes }: WalReader, timeline: number): WalFiles {
  return { dataDir: place.dataDir, timeline, segmentBytes };
}
