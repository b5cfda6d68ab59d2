import { frontend, headerBytes } from './codes.ts';

/** A piece of a buffer. */
interface Place {
  start: number;
  end: number;
}

/** One statement of the extended protocol from its first message to its Sync, by the places of its parts. */
export interface Batch {
  /** Null: it was prepared before. `body` is what follows the name. */
  parse: (Place & { name: Place; body: Place }) | null;
  bind: Place & { statement: Place };
  describe: (Place & { isStatement: boolean }) | null;
  execute: Place;
  sync: Place;
}

const letterS = 0x53;
/** An empty name, and no limit to the rows. */
const executeBytes = headerBytes + 5;

/**
 * Looks ahead (pure): whether what has come begins with a batch that runs one statement, all of it, in the unnamed portal
 * and nothing else. Everything more is somebody's who keeps a server for it. Done for every statement: an object made by
 * spreading another one costs several times one that is written out.
 */
export function readBatch(buffer: Buffer, start: number, limit: number): Batch | null {
  const first = placeOf(buffer, start, limit);
  const parse = first && buffer[start] === frontend.parse ? parseOf(buffer, first) : null;
  if (!first || (buffer[start] === frontend.parse && !parse)) return null;
  const bind = parse ? bindOf(buffer, parse.end, limit) : bindOf(buffer, start, limit);
  if (!bind || (parse && !isSame(buffer, parse.name, bind.statement))) return null;
  const describe = describeOf(buffer, { at: bind.end, limit, statement: bind.statement });
  if (describe === 'other') return null;
  const execute = placeOf(buffer, describe?.end ?? bind.end, limit);
  if (!execute || !isPlainExecute(buffer, execute)) return null;
  const sync = placeOf(buffer, execute.end, limit);
  return sync && buffer[sync.start] === frontend.sync ? { parse, bind, describe, execute, sync } : null;
}

function placeOf(buffer: Buffer, start: number, limit: number): Place | null {
  if (start + headerBytes > limit) return null;
  const length = buffer.readInt32BE(start + 1);
  const end = start + 1 + length;
  return length >= 4 && end <= limit ? { start, end } : null;
}

function parseOf(buffer: Buffer, place: Place): Batch['parse'] {
  const { start, end } = place;
  const name = textOf(buffer, start + headerBytes, end);
  const text = name && textOf(buffer, name.end + 1, end);
  return name && text ? { start, end, name, body: { start: name.end + 1, end } } : null;
}

function bindOf(buffer: Buffer, start: number, limit: number): Batch['bind'] | null {
  const place = placeOf(buffer, start, limit);
  if (!place || buffer[start] !== frontend.bind || buffer[start + headerBytes] !== 0) return null;
  const { end } = place;
  const statement = textOf(buffer, start + headerBytes + 1, end);
  return statement && { start, end, statement };
}

/** @returns null: there is none; `other`: it is about something else than the statement or its portal */
function describeOf(
  buffer: Buffer,
  { at, limit, statement }: { at: number; limit: number; statement: Place },
): Batch['describe'] | 'other' {
  if (buffer[at] !== frontend.describe) return null;
  const place = placeOf(buffer, at, limit);
  const name = place && textOf(buffer, at + headerBytes + 1, place.end);
  if (!place || !name || name.end + 1 !== place.end) return 'other';
  const isStatement = buffer[at + headerBytes] === letterS;
  const isOwn = isStatement ? isSame(buffer, name, statement) : name.start === name.end;
  return isOwn ? { start: at, end: place.end, isStatement } : 'other';
}

function isPlainExecute(buffer: Buffer, { start, end }: Place): boolean {
  if (buffer[start] !== frontend.execute || end - start !== executeBytes) return false;
  return buffer[start + headerBytes] === 0 && buffer.readInt32BE(start + headerBytes + 1) === 0;
}

/** Up to its zero, which is not part of it. */
function textOf(buffer: Buffer, start: number, end: number): Place | null {
  const zero = buffer.indexOf(0, start);
  return start < end && zero >= 0 && zero < end ? { start, end: zero } : null;
}

function isSame(buffer: Buffer, left: Place, right: Place): boolean {
  return buffer.subarray(left.start, left.end).equals(buffer.subarray(right.start, right.end));
}
