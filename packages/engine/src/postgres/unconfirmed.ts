import type { WalPosition } from '../contract/cluster-state.ts';
import { systemClock } from '../shared/clock.ts';
import { messageOf, QuantaError } from '../shared/errors.ts';
import { type CommandResult, lastLines } from './command.ts';
import { readControlData } from './control-data.ts';
import type { NodePlace } from './layout.ts';
import { endOfRecord, formatLsn, parseLsn } from './lsn.ts';
import { probeMark, probePrefix } from './probe-mark.ts';
import { waldump } from './waldump.ts';

/**
 * Whether WAL that was never confirmed by the synchronous set made anything visible: commits and prepared transactions
 * that end after the confirmed position. Positions alone do not tell, because the primary goes on writing WAL of its own
 * (checkpoints, probes) while nobody confirms.
 */
export type Unconfirmed =
  | { kind: 'none' }
  | { kind: 'found'; lsn: string; transaction: number; record: string }
  | { kind: 'unknown'; reason: string };

export interface UnconfirmedQuery {
  place: Pick<NodePlace, 'binDir' | 'dataDir' | 'osUser' | 'tls'>;
  /** Confirmed by n of the set, on the timeline of `end`. */
  confirmed: WalPosition;
  /** The exact end of local WAL. */
  end: WalPosition;
  timeoutMs: number;
  signal?: AbortSignal | undefined;
}

const pageBytes = 8192n;
/** In pages. One early first, then none (the segment before may be gone), then for a record that fills many pages. */
const stepsBack = [1n, 0n, 2n, 4n, 8n, 16n, 32n, 64n, 128n];
const rangeBytesMax = 1024n * 1024n * 1024n;
/** More of them than probes can have written means that somebody else was writing. */
const recordsMax = 500;

export async function findUnconfirmed(query: UnconfirmedQuery): Promise<Unconfirmed> {
  const { confirmed, end } = query;
  const [confirmedLsn, endLsn] = [parseLsn(confirmed.lsn), parseLsn(end.lsn)];
  if (confirmed.timeline !== end.timeline) {
    const reason = `its WAL ends on timeline ${end.timeline}, and what was confirmed lies on ${confirmed.timeline}`;
    return { kind: 'unknown', reason };
  }
  if (endLsn <= confirmedLsn) return { kind: 'none' };
  if (endLsn - confirmedLsn > rangeBytesMax)
    return { kind: 'unknown', reason: `more than 1 GB of WAL follows ${confirmed.lsn}` };
  const endMs = systemClock.monotonicMs() + query.timeoutMs;
  const leftMs = () => Math.max(1, endMs - systemClock.monotonicMs());
  try {
    const { walSegmentBytes } = await readControlData(query.place);
    const reader: Reader = { ...query, endLsn, segmentBytes: walSegmentBytes, leftMs };
    const startLsn = await recordAtOrBefore(reader, confirmedLsn);
    if (startLsn === null) return { kind: 'unknown', reason: `WAL from ${confirmed.lsn} on cannot be read` };
    const shown = await read(reader, startLsn, [
      ...['--rmgr=Transaction', '--rmgr=LogicalMessage'],
      `--limit=${recordsMax}`,
    ]);
    if (shown.code !== 0) return { kind: 'unknown', reason: `pg_waldump: ${lastLines(shown.stderr, 2)}` };
    const records = recordsOf(shown.stdout, walSegmentBytes);
    // Only the end of long output is kept, and then it begins in the middle of a line.
    const isCut = shown.stdout !== '' && !shown.stdout.startsWith('rmgr:');
    if (isCut || records.length >= recordsMax)
      return { kind: 'unknown', reason: `too many transactions follow ${confirmed.lsn}` };
    return firstUnconfirmed(records, { confirmedLsn, mark: await probeMark(query.place) });
  } catch (error) {
    query.signal?.throwIfAborted();
    return { kind: 'unknown', reason: messageOf(error) };
  }
}

export interface WalRecord {
  manager: string;
  transaction: number;
  lsn: string;
  endLsn: bigint;
  description: string;
}

const recordLine =
  /^rmgr: (\S+)\s+len \(rec\/tot\):\s*\d+\/\s*(\d+), tx:\s*(\d+), lsn: ([0-9A-F]+\/[0-9A-F]+), .*?desc: (.*)$/;

/**
 * What pg_waldump printed (pure). A client's own words may follow on lines of their own.
 *
 * @throws QuantaError POSTGRES_FAILED when a record cannot be understood: it might be the one that matters
 */
export function recordsOf(text: string, segmentBytes: number): WalRecord[] {
  const lines = text.split('\n').filter((line) => line.startsWith('rmgr:'));
  return lines.map((line) => {
    const match = recordLine.exec(line);
    if (!match) throw new QuantaError('POSTGRES_FAILED', `pg_waldump printed ${line.slice(0, 100)}`);
    const [, manager = '', totalBytes = '', transaction = '', lsn = '', description = ''] = match;
    const startLsn = parseLsn(lsn);
    const record = { startLsn, totalBytes: Number(totalBytes), isSwitch: false };
    const endLsn = endOfRecord(record, segmentBytes);
    return { manager, transaction: Number(transaction), lsn: formatLsn(startLsn), endLsn, description };
  });
}

/** The first record past the confirmed position that makes something visible (pure). */
export function firstUnconfirmed(
  records: readonly WalRecord[],
  known: { confirmedLsn: bigint; mark: string },
): Unconfirmed {
  const payload = Buffer.from(known.mark)
    .toString('hex')
    .toUpperCase()
    .replace(/..(?!$)/g, '$& ');
  const message = `MESSAGE transactional, prefix "${probePrefix}"; payload (${known.mark.length} bytes): ${payload}`;
  const probes = new Set(
    records
      .filter((record) => record.manager === 'LogicalMessage' && record.description === message)
      .map((record) => record.transaction),
  );
  const found = records.find(
    (record) =>
      record.endLsn > known.confirmedLsn &&
      record.manager === 'Transaction' &&
      /^(COMMIT|PREPARE)/.test(record.description) &&
      !probes.has(record.transaction),
  );
  if (!found) return { kind: 'none' };
  const record = found.description.startsWith('COMMIT') ? 'commit' : 'prepared transaction';
  return { kind: 'found', lsn: found.lsn, transaction: found.transaction, record };
}

type Reader = UnconfirmedQuery & { endLsn: bigint; segmentBytes: number; leftMs(): number };

/**
 * Where to begin reading so that a record that reaches past `lsn` is seen: a flushed position may lie within a record.
 * Begins a page early, because the record of a probe's message comes just before that of its commit.
 */
async function recordAtOrBefore(reader: Reader, lsn: bigint): Promise<bigint | null> {
  const page = lsn - (lsn % pageBytes);
  for (const pages of stepsBack) {
    const back = pages * pageBytes;
    if (back > page) continue;
    const fromLsn = page - back;
    const shown = await read(reader, fromLsn, ['--limit=1']);
    const first = /lsn: ([0-9A-F]+\/[0-9A-F]+),/.exec(shown.stdout)?.[1];
    if (first === undefined) continue;
    const firstLsn = parseLsn(first);
    if (firstLsn <= lsn) return firstLsn;
  }
  return null;
}

function read(reader: Reader, fromLsn: bigint, extra: readonly string[]): Promise<CommandResult> {
  const { place, end, endLsn, segmentBytes, signal } = reader;
  const range = { timeline: end.timeline, fromLsn, limitLsn: endLsn, segmentBytes };
  return waldump(place, range, extra, { timeoutMs: reader.leftMs(), signal });
}
