import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { QuantaError } from '../shared/errors.ts';
import { crc32c } from './crc32c.ts';
import { systemDisk } from './disk.ts';
import { decodeRecord, recordFormatVersion } from './record.ts';
import { RaftStorage, type StorageOptions } from './storage.ts';
import { entriesOf, founder, hard, snapshotAt } from './testing/log-samples.ts';
import { MemoryDisk } from './testing/memory-disk.ts';
import { directory } from './testing/storage-disk.ts';
import type { Entry, HardState, PersistedState } from './types.ts';

const firstSegment = `${directory}/log-000000000001.seg`;

function open(disk: MemoryDisk, options: Partial<StorageOptions> = {}): RaftStorage {
  return RaftStorage.open({ disk, directory, clusterId: 'one', raftId: 1, founder, ...options });
}

function append(storage: RaftStorage, hardState: HardState, entries: Entry[]): void {
  storage.append({ hardState, entries, mustSync: true });
}

function errorOf(work: () => unknown): QuantaError {
  try {
    work();
  } catch (error) {
    if (error instanceof QuantaError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

/** A founded log with three more records of several entries; `offsets` is where each record begins and the last ends. */
function writtenLog(): { disk: MemoryDisk; states: PersistedState[]; offsets: number[] } {
  const disk = new MemoryDisk();
  const storage = open(disk);
  append(storage, hard(2, 1, 1), entriesOf(2, 2, 4));
  append(storage, hard(3, 4, 1), entriesOf(3, 5, 6));
  append(storage, hard(4, 4, 1), entriesOf(4, 5, 7));
  const first: Entry = { index: 1, term: 1, kind: 'configuration', peers: [founder] };
  const second = [first, ...entriesOf(2, 2, 4)];
  const states: PersistedState[] = [
    { hardState: hard(1, 1), snapshot: null, entries: [first] },
    { hardState: hard(2, 1, 1), snapshot: null, entries: second },
    { hardState: hard(3, 4, 1), snapshot: null, entries: [...second, ...entriesOf(3, 5, 6)] },
    { hardState: hard(4, 4, 1), snapshot: null, entries: [...second, ...entriesOf(4, 5, 7)] },
  ];
  return { disk, states, offsets: recordOffsets(disk.read(firstSegment)) };
}

function recordOffsets(data: Buffer): number[] {
  const offsets = [0];
  for (let offset = 0; offset < data.length; ) {
    const record = decodeRecord(data, offset);
    if (!record.ok) throw new Error(`no record at ${offset}`);
    offset += record.bytes;
    offsets.push(offset);
  }
  return offsets;
}

describe('recovery', () => {
  test('a new directory holds the founder as its only voter, or nothing', () => {
    expect(open(new MemoryDisk()).initial.entries).toEqual([
      { index: 1, term: 1, kind: 'configuration', peers: [founder] },
    ]);
    expect(open(new MemoryDisk(), { founder: null }).initial).toEqual({
      hardState: hard(0, 0),
      snapshot: null,
      entries: [],
    });
  });

  test('what was appended is found again, overwritten entries are not', () => {
    const { disk, states } = writtenLog();
    expect(open(disk).initial).toEqual(states[3]);
  });

  test('I-RAFT-6: a newest record that is cut at any byte is taken away, and the state before it is intact', () => {
    const { disk, states, offsets } = writtenLog();
    const [start = 0, end = 0] = offsets.slice(-2);
    for (let length = start; length < end; length += 1) {
      const cut = disk.copy();
      cut.damage(firstSegment, (content) => content.subarray(0, length));
      const storage = open(cut);
      expect(storage.initial).toEqual(states[2]);
      expect(cut.read(firstSegment)).toHaveLength(start);
      append(storage, hard(5, 6), entriesOf(5, 7, 7));
      expect(open(cut).initial.entries.at(-1)).toEqual(entriesOf(5, 7, 7)[0]);
    }
  });

  test('I-RAFT-6: a newest record that grew the file without its bytes is taken away', () => {
    const { disk, states, offsets } = writtenLog();
    const [start = 0, end = 0] = offsets.slice(-2);
    for (let length = start; length < end; length += 1) {
      const zeroed = disk.copy();
      zeroed.damage(firstSegment, (content) => content.fill(0, length));
      expect(open(zeroed).initial).toEqual(states[2]);
    }
  });

  test('I-RAFT-6: one flipped bit at any byte of an earlier record is refused', () => {
    const { disk, offsets } = writtenLog();
    const lastStart = offsets.at(-2) ?? 0;
    for (let position = 0; position < lastStart; position += 1) {
      const damaged = disk.copy();
      damaged.damage(firstSegment, (content) => flip(content, position));
      const error = errorOf(() => open(damaged));
      expect([position, error.code]).toEqual([position, 'STORAGE_CORRUPT']);
      expect(error.hint).toMatch(/new Raft id/);
    }
  });

  test('I-RAFT-6: one flipped bit at any byte of an older segment or of a snapshot is refused', () => {
    const disk = new MemoryDisk();
    const storage = open(disk, { segmentBytesMax: 1 });
    append(storage, hard(1, 1), entriesOf(1, 2, 3));
    storage.saveSnapshot(snapshotAt(3, 1), 1);
    append(storage, hard(1, 3), entriesOf(1, 4, 4));
    const names = disk.list(directory).sort();
    const older = names.filter((name) => name.endsWith('.seg')).slice(0, -1);
    expect(older.length).toBeGreaterThan(1);
    for (const name of [...older, ...names.filter((other) => other.endsWith('.snap'))]) {
      const path = `${directory}/${name}`;
      for (let position = 0; position < disk.read(path).length; position += 1) {
        const damaged = disk.copy();
        damaged.damage(path, (content) => flip(content, position));
        const error = errorOf(() => open(damaged));
        expect([name, position, error.code]).toEqual([name, position, 'STORAGE_CORRUPT']);
        expect(error.hint).toBeDefined();
      }
    }
  });

  test('I-RAFT-6: a missing segment is refused', () => {
    const disk = new MemoryDisk();
    const storage = open(disk, { segmentBytesMax: 1 });
    for (let index = 2; index <= 5; index += 1) append(storage, hard(1, 1), entriesOf(1, index, index));
    disk.remove(`${directory}/log-000000000003.seg`);
    expect(errorOf(() => open(disk)).code).toBe('STORAGE_CORRUPT');
  });

  test('a record or a snapshot of a newer version is refused with advice to start that version', () => {
    const { disk } = writtenLog();
    const newer = disk.copy();
    newer.damage(firstSegment, asNewerVersion);
    expect(errorOf(() => open(newer))).toMatchObject({ code: 'STORAGE_CORRUPT', hint: /newer/ });
    open(disk).saveSnapshot(snapshotAt(4, 2), 0);
    disk.damage(`${directory}/snapshot-0000000000000004.snap`, asNewerVersion);
    expect(errorOf(() => open(disk)).hint).toMatch(/newer/);
  });

  test('a directory of another node or cluster is refused', () => {
    const { disk } = writtenLog();
    expect(errorOf(() => open(disk, { raftId: 2 })).code).toBe('CONFIG_INVALID');
    expect(errorOf(() => open(disk, { clusterId: 'two' })).code).toBe('CONFIG_INVALID');
  });

  test('a damaged identity is refused', () => {
    const { disk } = writtenLog();
    disk.damage(`${directory}/identity.json`, (content) => content.subarray(1));
    expect(errorOf(() => open(disk))).toMatchObject({ code: 'STORAGE_CORRUPT', hint: /new Raft id/ });
  });

  test('a log without an identity is refused, unless it was never finished', () => {
    const { disk } = writtenLog();
    disk.remove(`${directory}/identity.json`);
    expect(open(disk).initial.entries).toHaveLength(1);
    const rolled = new MemoryDisk();
    const storage = open(rolled, { segmentBytesMax: 1 });
    append(storage, hard(1, 1), entriesOf(1, 2, 2));
    rolled.remove(`${directory}/identity.json`);
    expect(errorOf(() => open(rolled)).code).toBe('STORAGE_CORRUPT');
  });

  test('files that were never finished are removed', () => {
    const { disk, states } = writtenLog();
    const leftovers = ['log-000000000002.seg.new', 'snapshot-0000000000000009.snap.new', 'identity.json.new'];
    for (const name of leftovers) disk.open(`${directory}/${name}`).append(Buffer.from('half'));
    expect(open(disk).initial).toEqual(states[3]);
    expect(disk.list(directory).filter((name) => name.endsWith('.new'))).toEqual([]);
  });
});

function flip(content: Buffer, position: number): Buffer {
  content[position] = (content[position] ?? 0) ^ (1 << (position % 8));
  return content;
}

/** Gives the first record the next format version and a checksum that goes with it. */
function asNewerVersion(content: Buffer): Buffer {
  const end = 12 + content.readUInt32LE(4);
  content[2] = recordFormatVersion + 1;
  content.writeUInt32LE(crc32c(content.subarray(12, end), crc32c(content.subarray(2, 8))), 8);
  return content;
}

describe('segments and snapshots', () => {
  test('heartbeats that say nothing new leave the log as it is', () => {
    const { disk } = writtenLog();
    const storage = open(disk);
    const before = disk.read(firstSegment).length;
    for (let beat = 0; beat < 100; beat += 1)
      storage.append({ hardState: hard(4, 4, 1), entries: [], mustSync: false });
    expect(disk.read(firstSegment)).toHaveLength(before);
    storage.append({ hardState: hard(4, 6, 1), entries: [], mustSync: false });
    expect(open(disk).initial.hardState).toEqual(hard(4, 6, 1));
  });

  test('segments that a snapshot covers are deleted, with the snapshots before it', () => {
    const disk = new MemoryDisk();
    const storage = open(disk, { segmentBytesMax: 1 });
    for (let index = 2; index <= 9; index += 1)
      append(storage, hard(1, index - 1), entriesOf(1, index, index));
    storage.saveSnapshot(snapshotAt(4, 1), 2);
    storage.saveSnapshot(snapshotAt(8, 1), 6);
    const names = disk.list(directory).sort();
    expect(names.filter((name) => name.endsWith('.snap'))).toEqual(['snapshot-0000000000000008.snap']);
    const { initial } = open(disk);
    expect(initial.snapshot).toEqual(snapshotAt(8, 1));
    expect(initial.entries.map(({ index }) => index)).toEqual([7, 8, 9]);
    expect(initial.hardState).toEqual(hard(1, 8));
  });

  test('a snapshot of a leader takes the place of the log', () => {
    const { disk } = writtenLog();
    const storage = open(disk);
    storage.restore(snapshotAt(6, 5), hard(5, 6));
    append(storage, hard(5, 6), entriesOf(5, 7, 8));
    expect(open(disk).initial).toEqual({
      hardState: hard(5, 6),
      snapshot: snapshotAt(6, 5),
      entries: entriesOf(5, 7, 8),
    });
  });

  test('I-DEGRADE-3: a commit hint is written at once, without waiting for the disk, and is there after a restart', () => {
    const disk = new MemoryDisk();
    const storage = open(disk);
    append(storage, hard(1, 1), entriesOf(1, 2, 5));
    disk.failing = 'sync';
    storage.append({ hardState: hard(1, 5), entries: [], mustSync: false });
    disk.failing = null;
    storage.close();
    expect(open(disk).initial.hardState).toEqual(hard(1, 5));
  });
});

describe('a disk that fails', () => {
  for (const failing of ['append', 'sync', 'syncDirectory', 'rename'] as const) {
    test(`I-RAFT-7: an error of ${failing} is final, even when the disk works again`, () => {
      const disk = new MemoryDisk();
      const storage = open(disk, { segmentBytesMax: 1 });
      append(storage, hard(1, 1), entriesOf(1, 2, 2));
      disk.failing = failing;
      const error = errorOf(() => append(storage, hard(1, 1), entriesOf(1, 3, 3)));
      expect(error).toMatchObject({ code: 'STORAGE_FAILED', hint: expect.stringMatching(/disk/) });
      disk.failing = null;
      const { operations } = disk;
      expect(errorOf(() => append(storage, hard(1, 1), entriesOf(1, 3, 3)))).toBe(error);
      expect(errorOf(() => storage.append({ hardState: hard(1, 2), entries: [], mustSync: false }))).toBe(
        error,
      );
      expect(errorOf(() => storage.saveSnapshot(snapshotAt(2, 1), 0))).toBe(error);
      expect(errorOf(() => storage.restore(snapshotAt(9, 1), hard(1, 9)))).toBe(error);
      expect(disk.operations).toBe(operations);
      expect(open(disk).initial.entries.slice(0, 2)).toHaveLength(2);
    });
  }

  test('I-RAFT-7: a disk that cannot be opened for the first time is told', () => {
    const disk = new MemoryDisk();
    disk.failing = 'sync';
    expect(errorOf(() => open(disk)).code).toBe('STORAGE_FAILED');
  });

  test('nothing is written after closing', () => {
    const { disk } = writtenLog();
    const storage = open(disk);
    storage.close();
    const { operations } = disk;
    expect(() => append(storage, hard(9, 1), [])).toThrow(/closed/);
    expect(disk.operations).toBe(operations);
  });
});

describe('on a real disk', () => {
  function realDirectory(): string {
    const parent = mkdtempSync(join(tmpdir(), 'quanta-raft-'));
    onTestFinished(() => rmSync(parent, { recursive: true, force: true }));
    return join(parent, 'data', 'raft');
  }

  function openReal(path: string): RaftStorage {
    const storage = open(new MemoryDisk(), { disk: systemDisk, directory: path, segmentBytesMax: 600 });
    onTestFinished(() => storage.close());
    return storage;
  }

  test('entries, snapshots and deleted segments are found again', () => {
    const path = realDirectory();
    const storage = openReal(path);
    for (let index = 2; index <= 20; index += 1)
      append(storage, hard(2, index - 1, 1), entriesOf(2, index, index));
    storage.saveSnapshot(snapshotAt(15, 2), 12);
    append(storage, hard(2, 20, 1), entriesOf(2, 21, 21));
    storage.close();
    expect(existsSync(join(path, 'log-000000000001.seg'))).toBe(false);
    const { initial } = openReal(path);
    expect(initial).toMatchObject({ hardState: hard(2, 20, 1), snapshot: snapshotAt(15, 2) });
    expect(initial.entries.filter(({ index }) => index > 15)).toEqual(entriesOf(2, 16, 21));
  });

  test('I-RAFT-6: a torn tail is cut in the file, and unfinished files are gone', () => {
    const path = realDirectory();
    append(openReal(path), hard(2, 1, 1), entriesOf(2, 2, 2));
    const segment = join(path, 'log-000000000001.seg');
    const whole = readFileSync(segment);
    writeFileSync(segment, Buffer.concat([whole, whole.subarray(0, 40)]));
    writeFileSync(join(path, 'snapshot-0000000000000009.snap.new'), 'half');
    const { initial } = openReal(path);
    expect(initial.entries.at(-1)).toEqual(entriesOf(2, 2, 2)[0]);
    expect(readFileSync(segment).equals(whole)).toBe(true);
    expect(readdirSync(path).sort()).toEqual(['identity.json', 'log-000000000001.seg']);
  });
});
