import { join } from 'node:path';
import { type CommandResult, runCommand } from './command.ts';
import type { NodePlace } from './layout.ts';
import { formatLsn, walFileName } from './lsn.ts';

export interface WalRange {
  timeline: number;
  fromLsn: bigint;
  /** Where reading stops; without it pg_waldump waits five seconds for a segment that does not exist (WALDumpOpenSegment). */
  limitLsn: bigint;
  segmentBytes: number;
}

export interface WaldumpLimits {
  timeoutMs: number;
  signal?: AbortSignal | undefined;
}

/**
 * PostgreSQL's own reader of WAL, over a server's directory. The first and the last segment are named on its command line: without names it
 * takes the segment size from whichever file it finds first (pg_waldump.c, search_directory), and gives up when that is one
 * that was made in advance and holds nothing yet.
 */
export function waldump(
  place: Pick<NodePlace, 'binDir' | 'dataDir' | 'osUser'>,
  { timeline, fromLsn, limitLsn, segmentBytes }: WalRange,
  extra: readonly string[],
  limits: WaldumpLimits,
): Promise<CommandResult> {
  return runCommand({
    file: join(place.binDir, 'pg_waldump'),
    args: [
      ...['--path', join(place.dataDir, 'pg_wal')],
      ...['--start', formatLsn(fromLsn), '--end', formatLsn(limitLsn), ...extra],
      ...[walFileName(timeline, fromLsn, segmentBytes), walFileName(timeline, limitLsn - 1n, segmentBytes)],
    ],
    osUser: place.osUser,
    ...limits,
  });
}
