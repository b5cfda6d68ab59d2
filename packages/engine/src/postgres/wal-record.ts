import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { pageHeaderAt, walFileName, walPageBytes } from './lsn.ts';

/** Where to read: records of `timeline`, in the files of one data directory. */
export interface WalFiles {
  dataDir: string;
  timeline: number;
  segmentBytes: number;
}

/** The fixed part of a record (xlogrecord.h, XLogRecord), as it stands in the file: nothing says that it is whole. */
export interface RecordHeader {
  totalBytes: number;
  /** Where the record before it begins. */
  previousLsn: bigint;
  isSwitch: boolean;
}

const headerBytes = 24;
const xlogManager = 0;
const switchInfo = 0x40;
const infoMask = 0xf0;

export function segmentPath(files: WalFiles, lsn: bigint): string {
  const name = walFileName(files.timeline, lsn, files.segmentBytes);
  return join(files.dataDir, 'pg_wal', name);
}

/**
 * @param lsn where a record begins, or would begin
 * @returns null when the file does not reach so far, or is not there
 */
export async function readRecordHeader(files: WalFiles, lsn: bigint): Promise<RecordHeader | null> {
  const parts: Buffer[] = [];
  let missing = headerBytes;
  let position = firstByteAt(lsn, files.segmentBytes);
  while (missing > 0) {
    const room = Number(walPageBytes - (position % walPageBytes));
    const part = await readBytes(files, position, Math.min(room, missing));
    if (!part) return null;
    parts.push(part);
    missing -= part.length;
    position = firstByteAt(position + BigInt(part.length), files.segmentBytes);
  }
  const bytes = Buffer.concat(parts);
  const [info = 0, manager = 0] = bytes.subarray(16, 18);
  return {
    totalBytes: bytes.readUInt32LE(0),
    previousLsn: bytes.readBigUInt64LE(8),
    isSwitch: manager === xlogManager && (info & infoMask) === switchInfo,
  };
}

/** A record that ends where a page ends is followed by the header of the next page. */
function firstByteAt(lsn: bigint, segmentBytes: number): bigint {
  return lsn % walPageBytes === 0n ? lsn + pageHeaderAt(lsn, segmentBytes) : lsn;
}

/** Within one page. */
async function readBytes(files: WalFiles, lsn: bigint, length: number): Promise<Buffer | null> {
  const file = await open(segmentPath(files, lsn), 'r').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw error;
  });
  if (!file) return null;
  try {
    const offset = Number(lsn % BigInt(files.segmentBytes));
    const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, offset);
    return bytesRead < length ? null : buffer;
  } finally {
    await file.close();
  }
}
