/**
 * Positions in WAL (pure). Outside this file they are PostgreSQL's `X/Y` strings; only here are they numbers, because
 * a 64-bit position does not fit into a JavaScript number.
 */

/** One more than the largest position a 64-bit LSN can name. */
const lsnSpan = 1n << 64n;

/** WAL pages, fixed when PostgreSQL is compiled; Debian and every packaged build use 8 kB. */
export const walPageBytes = 8192n;
const shortPageHeaderBytes = 24n;
const longPageHeaderBytes = 40n;
const recordAlignmentBytes = 8n;

/**
 * @param text `X/Y` in hexadecimal, with or without leading zeros (pg_waldump pads the second half)
 * @throws RangeError when it is no position
 */
export function parseLsn(text: string): bigint {
  const match = /^([0-9A-Fa-f]{1,8})\/([0-9A-Fa-f]{1,8})$/.exec(text);
  if (!match?.[1] || !match[2])
    throw new RangeError(`${JSON.stringify(text.slice(0, 40))} is no position in WAL`);
  return (BigInt(`0x${match[1]}`) << 32n) | BigInt(`0x${match[2]}`);
}

/** @throws RangeError outside 64 bits */
export function formatLsn(lsn: bigint): string {
  if (lsn < 0n || lsn >= lsnSpan) throw new RangeError(`${lsn} is no position in WAL`);
  return `${hex(lsn >> 32n)}/${hex(lsn & 0xffffffffn)}`;
}

/** The one spelling that `lsnSchema` and comparisons by eye expect. */
export function normaliseLsn(text: string): string {
  return formatLsn(parseLsn(text));
}

/** Negative when left is behind right. Only meaningful on one timeline: see `compareWalPositions` for several. */
export function compareLsn(left: string, right: string): number {
  const difference = parseLsn(left) - parseLsn(right);
  return difference < 0n ? -1 : difference > 0n ? 1 : 0;
}

/** Bytes of WAL from `behind` to `ahead`; negative when they are the other way round. */
export function lowestLsn(positions: readonly string[]): string | null {
  return positions.reduce<string | null>(
    (lowest, lsn) => (lowest === null || compareLsn(lsn, lowest) < 0 ? lsn : lowest),
    null,
  );
}

export function lsnDistanceBytes(ahead: string, behind: string): number {
  return Number(parseLsn(ahead) - parseLsn(behind));
}

export function segmentNumber(lsn: bigint, segmentBytes: number): bigint {
  return lsn / BigInt(segmentBytes);
}

export function segmentStart(lsn: bigint, segmentBytes: number): bigint {
  return lsn - (lsn % BigInt(segmentBytes));
}

/** The name of the file that holds `lsn`: timeline, then the segment number split where 4 GB of WAL are full. */
export function walFileName(timeline: number, lsn: bigint, segmentBytes: number): string {
  const segmentsPerFile = 0x1_0000_0000n / BigInt(segmentBytes);
  const segment = segmentNumber(lsn, segmentBytes);
  return [BigInt(timeline), segment / segmentsPerFile, segment % segmentsPerFile].map(eightDigits).join('');
}

/** Null for anything that is no complete segment's name (histories, `.partial`, temporary files). */
export function parseWalFileName(
  name: string,
  segmentBytes: number,
): { timeline: number; startLsn: bigint } | null {
  const match = /^([0-9A-F]{8})([0-9A-F]{8})([0-9A-F]{8})$/.exec(name);
  if (!match?.[1] || !match[2] || !match[3]) return null;
  const startLsn = (BigInt(`0x${match[2]}`) << 32n) + BigInt(`0x${match[3]}`) * BigInt(segmentBytes);
  return { timeline: Number.parseInt(match[1], 16), startLsn };
}

/**
 * Where a WAL record ends, as PostgreSQL's own reader counts it (xlogreader.c, XLogDecodeNextRecord): page headers lie
 * between its parts, its length is rounded up to eight bytes, and a switch record swallows the rest of its segment.
 */
export function endOfRecord(
  record: { startLsn: bigint; totalBytes: number; isSwitch: boolean },
  segmentBytes: number,
): bigint {
  const segment = BigInt(segmentBytes);
  let remaining = BigInt(record.totalBytes);
  let position = record.startLsn;
  let room = walPageBytes - (position % walPageBytes);
  while (remaining > room) {
    remaining -= room;
    position += room;
    const header = pageHeaderAt(position, segmentBytes);
    position += header;
    room = walPageBytes - header;
  }
  const end = position + roundUp(remaining, recordAlignmentBytes);
  return record.isSwitch ? roundUp(end, segment) : end;
}

/** Of the page that begins at `lsn`, in bytes: a segment's first page has more to say. */
export function pageHeaderAt(lsn: bigint, segmentBytes: number): bigint {
  return lsn % BigInt(segmentBytes) === 0n ? longPageHeaderBytes : shortPageHeaderBytes;
}

function roundUp(value: bigint, unit: bigint): bigint {
  return ((value + unit - 1n) / unit) * unit;
}

function hex(value: bigint): string {
  return value.toString(16).toUpperCase();
}

function eightDigits(value: bigint): string {
  return hex(value).padStart(8, '0');
}
