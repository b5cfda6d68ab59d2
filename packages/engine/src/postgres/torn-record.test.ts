import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { eraseFrom, reachesOver } from './torn-record.ts';
import { segmentPath, type WalFiles } from './wal-record.ts';

const segmentBytes = 1024 * 1024;
const start = BigInt(3 * segmentBytes);
const end = start + BigInt(segmentBytes);
let files: WalFiles;
let segment: Buffer;

beforeEach(async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'qdb-torn-'));
  await mkdir(join(dataDir, 'pg_wal'));
  files = { dataDir, timeline: 2, segmentBytes };
  segment = Buffer.alloc(segmentBytes);
});

afterEach(() => rm(files.dataDir, { recursive: true }));

/** Just the fields of XLogRecord that tell where it ends and what comes before it. */
function put(lsn: bigint, totalBytes: number, previousLsn: bigint): void {
  const header = Buffer.alloc(24);
  header.writeUInt32LE(totalBytes, 0);
  header.writeBigUInt64LE(previousLsn, 8);
  header.copy(segment, Number(lsn - start));
}

async function isTornAt(lsn: bigint): Promise<boolean> {
  await writeFile(segmentPath(files, lsn), segment);
  return reachesOver(files, lsn);
}

describe('what stands where local WAL ends', () => {
  const last = start + 1000n;
  const here = last + 104n;

  test('nothing: no record was cut off', async () => {
    put(last, 100, start + 40n);
    expect(await isTornAt(here)).toBe(false);
  });

  test("a record that would have ended in the same segment is in nobody's way", async () => {
    put(last, 100, start + 40n);
    put(here, 200_000, last);
    expect(await isTornAt(here)).toBe(false);
  });

  test('a record that would have ended in the next segment', async () => {
    put(last, 100, start + 40n);
    put(here, segmentBytes, last);
    expect(await isTornAt(here)).toBe(true);
  });

  test('what the segment held when it was used before is no record of now', async () => {
    put(last, 100, start + 40n);
    put(here, segmentBytes, last - BigInt(2 * segmentBytes));
    expect(await isTornAt(here)).toBe(false);
    put(here, segmentBytes, last - 8n);
    expect(await isTornAt(here)).toBe(false);
  });

  test('a record before it in a segment that is not here (the timeline before has it) counts as one of now', async () => {
    put(here, segmentBytes, start - 104n);
    expect(await isTornAt(here)).toBe(true);
  });

  test('too little room before the end to tell counts as one', async () => {
    expect(await isTornAt(end - 8n)).toBe(true);
  });

  test('the end of the segment itself: the next record is in the next one', async () => {
    expect(await isTornAt(start)).toBe(false);
  });

  test('erasing it leaves what comes before as it was', async () => {
    put(last, 100, start + 40n);
    put(here, segmentBytes, last);
    await isTornAt(here);
    await eraseFrom(files, here);
    const left = await readFile(segmentPath(files, here));
    const offset = Number(here - start);
    expect(left.subarray(0, offset)).toEqual(segment.subarray(0, offset));
    expect(left.subarray(offset).every((byte) => byte === 0)).toBe(true);
    expect(left).toHaveLength(segmentBytes);
    expect(await reachesOver(files, here)).toBe(false);
  });
});
