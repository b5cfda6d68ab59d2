import { join } from 'node:path';
import { QuantaError } from '../shared/errors.ts';
import type { Disk } from './disk.ts';
import { decodeRecord, hasRecordAfter } from './record.ts';
import type { Entry, HardState, PersistedState, Snapshot } from './types.ts';

/** What one write of the log carries: everything of one `Ready`, valid as a whole or not at all. */
export interface Batch {
  kind: 'batch';
  hardState: HardState;
  entries: Entry[];
  /** Set when a leader's snapshot replaced the log: whatever came before is void. */
  restoredFrom?: { index: number; term: number };
}

export interface SegmentFile {
  sequence: number;
  path: string;
  bytes: number;
  /** The highest index this segment holds; it may be deleted once all of that is covered by a snapshot. */
  lastIndex: number;
}

export interface Recovered {
  state: PersistedState;
  segments: SegmentFile[];
  /** Length to which the newest segment must be cut, because a write was interrupted by the crash. */
  cutTo: number | null;
  /** The crash came after a leader's snapshot was in place and before the log said that it begins anew. */
  isLogReplaced: boolean;
}

const rejoinHint =
  'Remove the raft directory of this node, remove the node from the group and add it again: it gets a new Raft id.';

export function corrupt(message: string, cause?: unknown): QuantaError {
  return new QuantaError('STORAGE_CORRUPT', message, { hint: rejoinHint, cause });
}

function tooNew(path: string): QuantaError {
  return new QuantaError('STORAGE_CORRUPT', `${path} was written by a newer version of QuantaDB`, {
    hint: 'Start the version that wrote it, or a newer one.',
  });
}

export function segmentName(sequence: number): string {
  return `log-${String(sequence).padStart(12, '0')}.seg`;
}

export function snapshotName(index: number): string {
  return `snapshot-${String(index).padStart(16, '0')}.snap`;
}

export function sequenceOf(name: string): number | null {
  const match = /^log-(\d{12})\.seg$/.exec(name);
  return match ? Number(match[1]) : null;
}

export function snapshotIndexOf(name: string): number | null {
  const match = /^snapshot-(\d{16})\.snap$/.exec(name);
  return match ? Number(match[1]) : null;
}

/** Reads snapshot and segments back to the state that the last completed write left. */
export function recover(disk: Disk, directory: string): Recovered {
  const names = disk.list(directory);
  const snapshot = readNewestSnapshot(disk, directory, names);
  const sequences = names.flatMap((name) => sequenceOf(name) ?? []).sort((a, b) => a - b);
  const replay = new Replay();
  const segments: SegmentFile[] = [];
  let cutTo: number | null = null;
  for (const [position, sequence] of sequences.entries()) {
    const path = join(directory, segmentName(sequence));
    const previous = sequences[position - 1];
    if (previous !== undefined && previous !== sequence - 1)
      throw corrupt(`a log segment is missing before ${path}`);
    const isNewest = position === sequences.length - 1;
    const read = readSegment({ data: disk.read(path), path, isNewest }, replay);
    if (read.torn) cutTo = read.bytes;
    segments.push({ sequence, path, bytes: read.bytes, lastIndex: read.lastIndex });
  }
  return { ...replay.result(snapshot), segments, cutTo };
}

function readSegment(
  segment: { data: Buffer; path: string; isNewest: boolean },
  replay: Replay,
): { bytes: number; torn: boolean; lastIndex: number } {
  const { data, path, isNewest } = segment;
  let offset = 0;
  let lastIndex = 0;
  while (offset < data.length) {
    const record = decodeRecord(data, offset);
    if (record.ok) {
      const batch = record.payload as Batch;
      replay.apply(batch, path);
      lastIndex = Math.max(lastIndex, batch.entries.at(-1)?.index ?? 0);
      offset += record.bytes;
      continue;
    }
    if (record.reason === 'unknown_version') throw tooNew(path);
    // Every write is synced before the next one begins, so only the very last record can be torn by a crash.
    if (!isNewest || hasRecordAfter(data, offset)) throw corrupt(`${path} is damaged at byte ${offset}`);
    return { bytes: offset, torn: true, lastIndex };
  }
  return { bytes: offset, torn: false, lastIndex };
}

class Replay {
  private hardState: HardState = { term: 0, vote: 0, commit: 0 };
  private entries: Entry[] = [];

  apply(batch: Batch, path: string): void {
    this.hardState = batch.hardState;
    if (batch.restoredFrom) this.entries = [];
    for (const entry of batch.entries) this.add(entry, path);
  }

  private add(entry: Entry, path: string): void {
    const first = this.entries[0]?.index ?? entry.index;
    const position = entry.index - first;
    if (position > this.entries.length) throw corrupt(`${path} skips entries before ${entry.index}`);
    this.entries.length = Math.max(0, position);
    this.entries.push(entry);
  }

  result(snapshot: Snapshot | null): Pick<Recovered, 'state' | 'isLogReplaced'> {
    const isLogReplaced = snapshot !== null && this.isOlderThan(snapshot);
    const entries = isLogReplaced ? [] : this.entries;
    const first = entries[0];
    const missing = first !== undefined && first.index > (snapshot?.index ?? 0) + 1;
    if (missing) throw corrupt(`the log begins at entry ${first.index}, after the end of the snapshot`);
    return { state: { hardState: this.hardState, snapshot, entries }, isLogReplaced };
  }

  /** A crash between the snapshot's rename and the log's reset leaves an older log behind: it does not go with it. */
  private isOlderThan(snapshot: Snapshot): boolean {
    const last = this.entries.at(-1);
    if (!last) return false;
    const same = this.entries.find((entry) => entry.index === snapshot.index);
    return last.index < snapshot.index || (same !== undefined && same.term !== snapshot.term);
  }
}

function readNewestSnapshot(disk: Disk, directory: string, names: string[]): Snapshot | null {
  const newest = names
    .filter((name) => snapshotIndexOf(name) !== null)
    .sort()
    .at(-1);
  if (newest === undefined) return null;
  const path = join(directory, newest);
  const data = disk.read(path);
  const record = decodeRecord(data, 0);
  // It was renamed into place after its fsync, so a torn snapshot is damage; older ones may lack their log by now.
  if (!record.ok && record.reason === 'unknown_version') throw tooNew(path);
  if (!record.ok || record.bytes !== data.length) throw corrupt(`${path} is damaged`);
  return record.payload as Snapshot;
}
