import type { ControlData } from './control-data.ts';
import { compareLsn, normaliseLsn, parseLsn, segmentNumber, segmentStart, walFileName } from './lsn.ts';

/** What pg_rewind needs, and what it has done to a data directory (pure). */

/** pg_rewind says this line right before the first byte of the target changes; it needs `--progress` for that. */
const beginsToCopy = /^(pg_rewind: )?need to copy \d+ MB/m;

export type RewindOutcome =
  /** It shares everything up to `forkLsn` with the source, and the source's data from there on. */
  | { kind: 'rewound'; forkLsn: string; copiedBytes: number }
  /** It is as it was before. `mayPass`: only the connection failed, another attempt may go better. */
  | { kind: 'untouched'; reason: string; mayPass: boolean }
  /** Part old, part new: it must never be started. */
  | { kind: 'broken'; reason: string };

/**
 * Whether crash recovery has to run before pg_rewind: it takes the last checkpoint, or a standby's minimum recovery point,
 * for the end of WAL. A standby whose surplus WAL has reached no page stops with both before the fork, and pg_rewind would
 * find nothing to do; recovery as a former primary ends with a checkpoint behind all of that WAL.
 *
 * @param forkLsn where the histories part; null when nobody knows
 */
export function needsRecovery(
  control: Pick<ControlData, 'clusterState' | 'minRecoveryEndLsn'>,
  forkLsn: string | null,
): boolean {
  if (control.clusterState === 'shut down') return false;
  if (control.clusterState !== 'shut down in recovery') return true;
  return forkLsn === null || compareLsn(control.minRecoveryEndLsn, forkLsn) <= 0;
}

export function hasBegunToCopy(words: string): boolean {
  return beginsToCopy.test(words);
}

/**
 * @param code exit code; null when it was killed
 * @param words everything it said, without its lines of progress
 */
export function judgeRewind(ended: {
  code: number | null;
  words: string;
  copiedBytes: number;
}): RewindOutcome {
  const { code, words, copiedBytes } = ended;
  const fork = /servers diverged at WAL location ([0-9A-F]+\/[0-9A-F]+) on timeline/.exec(words)?.[1];
  if (code === 0 && /no rewind required/.test(words))
    return { kind: 'untouched', reason: 'pg_rewind found nothing to rewind', mayPass: false };
  if (code === 0 && fork !== undefined && /^(pg_rewind: )?Done!/m.test(words))
    return { kind: 'rewound', forkLsn: normaliseLsn(fork), copiedBytes };
  const reason = complaintOf(words);
  const isCertain = code !== null && code !== 0 && /^pg_rewind: (error|fatal):/m.test(words);
  if (!isCertain || hasBegunToCopy(words)) return { kind: 'broken', reason };
  return {
    kind: 'untouched',
    reason,
    mayPass: /connection to server|server closed the connection/.test(words),
  };
}

/** PostgreSQL's own complaint, without the steps before it. */
function complaintOf(words: string): string {
  const lines = words.split('\n').filter((line) => line.trim() !== '');
  const first = lines.findIndex((line) => /(error|fatal):/i.test(line));
  const shown = first < 0 ? lines.slice(-1) : lines.slice(first, first + 3);
  return shown.join('; ').slice(0, 500) || 'pg_rewind gave no reason';
}

/** Where replay of a rewound data directory begins, as its backup label says. */
export function startOfReplay(backupLabel: string): string | null {
  const match = /^START WAL LOCATION: ([0-9A-F]+\/[0-9A-F]+) /m.exec(backupLabel);
  return match?.[1] ? normaliseLsn(match[1]) : null;
}

/**
 * The first segment from `fromLsn` to `toLsn` that is on no timeline among `names`. A server that misses one waits for
 * ever for its upstream to send what the upstream has not got either.
 *
 * @param names the files of pg_wal
 */
export function firstMissingSegment(
  range: { fromLsn: string; toLsn: string; segmentBytes: number },
  names: readonly string[],
): string | null {
  const { segmentBytes } = range;
  const present = new Set(names.filter((name) => /^[0-9A-F]{24}$/.test(name)).map((name) => name.slice(8)));
  const toLsn = parseLsn(range.toLsn);
  let lsn = segmentStart(parseLsn(range.fromLsn), segmentBytes);
  for (
    ;
    segmentNumber(lsn, segmentBytes) <= segmentNumber(toLsn, segmentBytes);
    lsn += BigInt(segmentBytes)
  ) {
    const name = walFileName(1, lsn, segmentBytes).slice(8);
    if (!present.has(name)) return name;
  }
  return null;
}
