import { crc32c } from './crc32c.ts';

export const recordFormatVersion = 1;
export const recordBytesMax = 64 * 1024 * 1024;

// 0xF5 never occurs in UTF-8, so no payload can look like the start of a record when a damaged file is searched.
const magicFirst = 0xf5;
const magicSecond = 0xdb;
const headerBytes = 12;

/** magic (2 bytes), format version (1), reserved (1), payload length (4), CRC-32C over version, length and payload (4). */
export function encodeRecord(payload: unknown): Buffer {
  const body = Buffer.from(JSON.stringify(payload), 'utf8');
  const record = Buffer.allocUnsafe(headerBytes + body.length);
  record[0] = magicFirst;
  record[1] = magicSecond;
  record[2] = recordFormatVersion;
  record[3] = 0;
  record.writeUInt32LE(body.length, 4);
  body.copy(record, headerBytes);
  record.writeUInt32LE(checksum(record, body.length), 8);
  return record;
}

function checksum(record: Buffer, length: number): number {
  return crc32c(record.subarray(headerBytes, headerBytes + length), crc32c(record.subarray(2, 8)));
}

export type DecodedRecord =
  | { ok: true; payload: unknown; bytes: number }
  | { ok: false; reason: 'damaged' | 'unknown_version' };

export function decodeRecord(data: Buffer, offset: number): DecodedRecord {
  const record = data.subarray(offset);
  if (record.length < headerBytes || record[0] !== magicFirst || record[1] !== magicSecond) {
    return { ok: false, reason: 'damaged' };
  }
  const length = record.readUInt32LE(4);
  if (length > recordBytesMax || headerBytes + length > record.length)
    return { ok: false, reason: 'damaged' };
  if (checksum(record, length) !== record.readUInt32LE(8)) return { ok: false, reason: 'damaged' };
  if (record[2] !== recordFormatVersion) return { ok: false, reason: 'unknown_version' };
  const text = record.toString('utf8', headerBytes, headerBytes + length);
  return { ok: true, payload: JSON.parse(text), bytes: headerBytes + length };
}

/** Whether any whole record begins after `offset`: then what stands at `offset` is no torn tail but damage. */
export function hasRecordAfter(data: Buffer, offset: number): boolean {
  for (let at = data.indexOf(magicFirst, offset + 1); at !== -1; at = data.indexOf(magicFirst, at + 1)) {
    const decoded = decodeRecord(data, at);
    if (decoded.ok || decoded.reason === 'unknown_version') return true;
  }
  return false;
}
