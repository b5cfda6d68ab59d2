import { open } from 'node:fs/promises';
import type { WalPosition } from '../contract/cluster-state.ts';
import { readControlData } from './control-data.ts';
import type { NodePlace } from './layout.ts';
import { endOfRecord, parseLsn, segmentStart } from './lsn.ts';
import { type RecordHeader, readRecordHeader, segmentPath, type WalFiles } from './wal-record.ts';

type Place = Pick<NodePlace, 'binDir' | 'dataDir' | 'osUser'>;

/** Of a header: total length, transaction, start of the record before. */
const tellingBytes = 16n;

/**
 * What is left of a record that was on its way when its primary died, just where the next primary's timeline begins. If it reaches
 * into the next segment, PostgreSQL goes on from there: it asks the new primary for WAL from the next segment on, which that one does
 * not have before it has filled its own ("requested starting point is ahead of the WAL flush position"), and then
 * ends with an invalid record. Writes that wait for this standby would wait for ever. Without the rest of it PostgreSQL asks from
 * where the timeline begins.
 */
export class TornRecord {
  private readonly place: Place;

  constructor(place: Place) {
    this.place = place;
  }

  /** @param end where local WAL ends, and the next timeline begins */
  async reachesOver(end: WalPosition): Promise<boolean> {
    const { files, lsn } = await this.open(end);
    return reachesOver(files, lsn);
  }

  /** Of a stopped server: fills the rest of the segment with zeros, durably. Nothing in it was ever whole. */
  async erase(end: WalPosition): Promise<void> {
    const { files, lsn } = await this.open(end);
    await eraseFrom(files, lsn);
  }

  private async open(end: WalPosition): Promise<{ files: WalFiles; lsn: bigint }> {
    const { walSegmentBytes } = await readControlData(this.place);
    const files = { dataDir: this.place.dataDir, timeline: end.timeline, segmentBytes: walSegmentBytes };
    return { files, lsn: parseLsn(end.lsn) };
  }
}

/** Segments are used again: what follows the end may be left from long ago. A record of now names the one before it. */
export async function reachesOver(files: WalFiles, lsn: bigint): Promise<boolean> {
  const startOfSegment = segmentStart(lsn, files.segmentBytes);
  const endOfSegment = startOfSegment + BigInt(files.segmentBytes);
  if (lsn === startOfSegment) return false;
  // Too little room to tell by; taking it for one costs no more than a restart.
  if (endOfSegment - lsn < tellingBytes) return true;
  const header = await readRecordHeader(files, lsn);
  if (!header || endOf(header, lsn, files) <= endOfSegment || header.previousLsn >= lsn) return false;
  const previous = await readRecordHeader(files, header.previousLsn);
  // The segment before may be one of the timeline before. What is left from long ago names one long before.
  if (!previous) return header.previousLsn >= startOfSegment - BigInt(files.segmentBytes);
  return endOf(previous, header.previousLsn, files) === lsn;
}

function endOf(header: RecordHeader, startLsn: bigint, { segmentBytes }: WalFiles): bigint {
  return endOfRecord({ startLsn, ...header }, segmentBytes);
}

export async function eraseFrom(files: WalFiles, lsn: bigint): Promise<void> {
  const offset = Number(lsn - segmentStart(lsn, files.segmentBytes));
  const zeros = Buffer.alloc(files.segmentBytes - offset);
  const file = await open(segmentPath(files, lsn), 'r+');
  try {
    await file.write(zeros, 0, zeros.length, offset);
    await file.sync();
  } finally {
    await file.close();
  }
}
