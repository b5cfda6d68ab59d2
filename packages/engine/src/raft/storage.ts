import { dirname, join } from 'node:path';
import { invariant, messageOf, QuantaError } from '../shared/errors.ts';
import type { Disk, DiskFile } from './disk.ts';
import { encodeRecord, recordBytesMax } from './record.ts';
import type { Batch, SegmentFile } from './recovery.ts';
import { corrupt, recover, segmentName, sequenceOf, snapshotIndexOf, snapshotName } from './recovery.ts';
import type { Entry, HardState, PersistedState, RaftPeer, Snapshot } from './types.ts';

export interface StorageOptions {
  disk: Disk;
  directory: string;
  clusterId: string;
  raftId: number;
  /** The first and only voter of a group that is founded here; null to wait for a leader. Used in an empty directory only. */
  founder: RaftPeer | null;
  /** A new segment is begun when the present one is larger. */
  segmentBytesMax?: number;
}

interface Identity {
  version: 1;
  clusterId: string;
  raftId: number;
}

const identityFile = 'identity.json';
const segmentBytesMaxDefault = 4 * 1024 * 1024;

/**
 * The durable half of Raft: `append` returns when the batch is on disk. Any error of the disk is final, because after
 * a failed fsync nobody knows what is on it (the pages may be dropped and a retry succeed without them).
 */
export class RaftStorage {
  readonly initial: PersistedState;
  private readonly disk: Disk;
  private readonly directory: string;
  private readonly segmentBytesMax: number;
  private readonly segments: SegmentFile[];
  private file: DiskFile | null = null;
  private failed: QuantaError | null = null;
  private hardState: HardState;
  /** Whether everything in the newest segment would survive a loss of power. */
  private isSynced = true;

  private constructor(options: StorageOptions) {
    this.disk = options.disk;
    this.directory = options.directory;
    this.segmentBytesMax = options.segmentBytesMax ?? segmentBytesMaxDefault;
    const recovered = recover(this.disk, this.directory);
    this.initial = recovered.state;
    this.hardState = recovered.state.hardState;
    this.segments = recovered.segments;
    this.openNewest(recovered.cutTo);
    const { snapshot } = recovered.state;
    // Said on disk too: otherwise what is appended from now on would be read as a part of the log that was given up.
    if (snapshot && recovered.isLogReplaced) this.guard(() => this.writeReset(snapshot, this.hardState));
  }

  /**
   * @throws QuantaError STORAGE_CORRUPT when the directory cannot be trusted, CONFIG_INVALID when it belongs to
   * another node, STORAGE_FAILED when the disk refuses
   */
  static open(options: StorageOptions): RaftStorage {
    try {
      const { disk, directory } = options;
      disk.makeDirectory(directory);
      disk.syncDirectory(dirname(directory));
      const names = disk.list(directory);
      for (const name of names.filter((other) => other.endsWith('.new'))) disk.remove(join(directory, name));
      if (names.includes(identityFile)) checkIdentity(options);
      else initialise(options, names);
      return new RaftStorage(options);
    } catch (error) {
      throw asStorageError(error);
    }
  }

  /**
   * Makes a batch durable with one write and one sync. Without `mustSync` only the commit index has moved: it is written,
   * and may be lost with the power. A node that starts alone knows what was agreed by it, and by nothing else. What says
   * nothing new is not written: there are heartbeats for weeks without an entry that would let a segment go.
   */
  append(batch: { hardState: HardState; entries: Entry[]; mustSync: boolean }): void {
    const { hardState, entries, mustSync } = batch;
    if (entries.length === 0 && !mustSync && hardState.commit === this.hardState.commit) return;
    this.guard(() => {
      this.write({ kind: 'batch', hardState, entries }, mustSync);
      this.hardState = hardState;
    });
  }

  /** Takes a leader's snapshot in place of the log. */
  restore(snapshot: Snapshot, hardState: HardState): void {
    this.guard(() => {
      this.writeSnapshotFile(snapshot);
      this.writeReset(snapshot, hardState);
      this.roll();
      this.removeObsolete(snapshot.index, snapshot.index);
    });
  }

  /** Keeps a snapshot of our own state and deletes the segments that hold nothing after `compactTo`. */
  saveSnapshot(snapshot: Snapshot, compactTo: number): void {
    this.guard(() => {
      this.writeSnapshotFile(snapshot);
      this.roll();
      this.removeObsolete(snapshot.index, Math.min(compactTo, snapshot.index));
    });
  }

  close(): void {
    this.file?.close();
    this.file = null;
  }

  private guard(work: () => void): void {
    if (this.failed) throw this.failed;
    try {
      work();
    } catch (error) {
      this.failed = asStorageError(error);
      throw this.failed;
    }
  }

  private writeReset({ index, term }: Snapshot, hardState: HardState): void {
    this.write({ kind: 'batch', hardState, entries: [], restoredFrom: { index, term } });
    this.hardState = hardState;
  }

  private write(batch: Batch, mustSync = true): void {
    const record = encodeRecord(batch);
    invariant(record.length <= recordBytesMax, `a batch of ${record.length} bytes is too large`);
    const current = this.segments.at(-1);
    if (current && current.bytes > this.segmentBytesMax) this.roll();
    const segment = this.segments.at(-1);
    invariant(segment && this.file, 'the storage is closed');
    this.file.append(record);
    this.isSynced = mustSync;
    if (mustSync) this.file.sync();
    segment.bytes += record.length;
    segment.lastIndex = Math.max(segment.lastIndex, batch.entries.at(-1)?.index ?? 0);
  }

  /**
   * Begins a new segment. It starts with the hard state, so that older segments can be deleted without losing it: the
   * last one that is durable, because a newer commit index may speak of entries that are not written yet.
   */
  private roll(): void {
    const sequence = (this.segments.at(-1)?.sequence ?? 0) + 1;
    // What is torn may only ever be the end of the newest segment.
    if (!this.isSynced) this.file?.sync();
    this.isSynced = true;
    const segment = createSegment(this.disk, this.directory, { sequence, hardState: this.hardState });
    this.file?.close();
    this.file = this.disk.open(segment.path);
    this.segments.push(segment);
  }

  private openNewest(cutTo: number | null): void {
    const newest = this.segments.at(-1);
    if (!newest) throw corrupt(`${this.directory} has an identity but no log`);
    this.file = this.disk.open(newest.path);
    if (cutTo === null) return;
    this.file.truncate(cutTo);
    this.file.sync();
  }

  private writeSnapshotFile(snapshot: Snapshot): void {
    const name = snapshotName(snapshot.index);
    writeDurably(this.disk, join(this.directory, name), encodeRecord(snapshot));
    this.disk.syncDirectory(this.directory);
  }

  /** Only a prefix of the segments may go: replay needs the rest without a gap. */
  private removeObsolete(snapshotIndex: number, compactTo: number): void {
    for (const name of this.disk.list(this.directory)) {
      const index = snapshotIndexOf(name);
      if (index !== null && index < snapshotIndex) this.disk.remove(join(this.directory, name));
    }
    for (;;) {
      const oldest = this.segments[0];
      if (!oldest || this.segments.length === 1 || oldest.lastIndex > compactTo) return;
      this.disk.remove(oldest.path);
      // Each removal is made durable before the next: a directory that lost them out of order would show a gap.
      this.disk.syncDirectory(this.directory);
      this.segments.shift();
    }
  }
}

function createSegment(
  disk: Disk,
  directory: string,
  start: { sequence: number; hardState: HardState; entries?: Entry[] },
): SegmentFile {
  const path = join(directory, segmentName(start.sequence));
  const entries = start.entries ?? [];
  const record = encodeRecord({ kind: 'batch', hardState: start.hardState, entries } satisfies Batch);
  writeDurably(disk, path, record);
  disk.syncDirectory(directory);
  return { sequence: start.sequence, path, bytes: record.length, lastIndex: entries.at(-1)?.index ?? 0 };
}

function writeDurably(disk: Disk, path: string, data: Buffer): void {
  const temporary = `${path}.new`;
  const file = disk.open(temporary);
  try {
    file.append(data);
    file.sync();
  } finally {
    file.close();
  }
  disk.rename(temporary, path);
}

/** The identity is written last: a directory without it never took part in anything and may be begun anew. */
function initialise(options: StorageOptions, names: string[]): void {
  const { disk, directory, founder } = options;
  const leftovers = names.filter((name) => sequenceOf(name) !== null || snapshotIndexOf(name) !== null);
  const onlyFirst =
    leftovers.length === 0 || (leftovers.length === 1 && sequenceOf(leftovers[0] ?? '') === 1);
  if (!onlyFirst) throw corrupt(`${directory} holds a log but no ${identityFile}`);
  for (const name of leftovers) disk.remove(join(directory, name));
  const entries: Entry[] = founder ? [{ index: 1, term: 1, kind: 'configuration', peers: [founder] }] : [];
  const hardState: HardState = founder ? { term: 1, vote: 0, commit: 1 } : { term: 0, vote: 0, commit: 0 };
  createSegment(disk, directory, { sequence: 1, hardState, entries });
  const identity: Identity = { version: 1, clusterId: options.clusterId, raftId: options.raftId };
  writeDurably(disk, join(directory, identityFile), Buffer.from(JSON.stringify(identity)));
  disk.syncDirectory(directory);
}

function checkIdentity(options: StorageOptions): void {
  const path = join(options.directory, identityFile);
  const identity = parseIdentity(options.disk.read(path).toString('utf8'), path);
  if (identity.clusterId === options.clusterId && identity.raftId === options.raftId) return;
  throw new QuantaError(
    'CONFIG_INVALID',
    `${options.directory} belongs to Raft id ${identity.raftId} of cluster ${identity.clusterId}, not to ${options.raftId} of ${options.clusterId}`,
    { hint: 'Give this node its own directory, or remove the old one if that membership has ended.' },
  );
}

function parseIdentity(text: string, path: string): Identity {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw corrupt(`${path} is damaged`, error);
  }
  const identity = value as Partial<Identity> | null;
  if (
    identity?.version === 1 &&
    typeof identity.clusterId === 'string' &&
    typeof identity.raftId === 'number'
  ) {
    return { version: 1, clusterId: identity.clusterId, raftId: identity.raftId };
  }
  throw corrupt(`${path} is of an unknown version`);
}

function asStorageError(error: unknown): QuantaError {
  if (error instanceof QuantaError) return error;
  return new QuantaError('STORAGE_FAILED', `the disk of the Raft log failed: ${messageOf(error)}`, {
    cause: error,
    hint: 'This node has stopped taking part. Check the disk (space, health), then start it again.',
  });
}
