import type pg from 'pg';
import { type HistoryEntry, parseHistory } from '../postgres/history-files.ts';
import { parseLsn, segmentNumber, walFileName } from '../postgres/lsn.ts';

/** A standby refuses to name segments; there the number is worked out. */
const wantedSql = `
SELECT CASE WHEN pg_is_in_recovery() THEN
  upper(lpad(to_hex(segment / per_file), 8, '0') || lpad(to_hex(segment % per_file), 8, '0'))
ELSE substr(pg_walfile_name($1::pg_lsn + 1), 9) END
FROM (SELECT div($1::pg_lsn - '0/0'::pg_lsn, bytes)::bigint AS segment, 4294967296 / bytes AS per_file
  FROM (SELECT pg_size_bytes(current_setting('wal_segment_size')) AS bytes) s) w`;

const servedSql = `
SELECT pg_read_file('pg_wal/' || substr(here, 1, 8) || '.history', 0, 1000000, true) AS history,
  ('x' || substr(here, 1, 8))::bit(32)::int AS timeline, pg_size_bytes(current_setting('wal_segment_size'))::int AS "segmentBytes",
  ARRAY(SELECT name FROM pg_ls_waldir() WHERE name ~ '^[0-9A-F]{24}$') AS names
FROM (SELECT pg_walfile_name(pg_current_wal_insert_lsn()) AS here) h WHERE NOT pg_is_in_recovery()`;

interface KeptWal {
  /** The primary's own. */
  timeline: number;
  /** The timelines that it descends from, and where each was left. */
  past: readonly HistoryEntry[];
  segmentBytes: number;
  /** Of the segments in pg_wal. */
  names: readonly string[];
}

/**
 * Whether this primary, or standby that feeds others, still has the WAL that a standby needs next. Segments are named by timeline and position (PostgreSQL's page on
 * WAL internals); the same stretch may lie on the timeline before.
 *
 * @param lsn where the standby's WAL ends
 */
export async function holdsWal(queryable: Pick<pg.Pool, 'query'>, lsn: string): Promise<boolean> {
  const { rows } = await queryable.query<{ holds: boolean }>(
    `SELECT coalesce(min(substr(name, 9)) <= (${wantedSql}), true) AS holds
     FROM pg_ls_waldir() WHERE name ~ '^[0-9A-F]{24}$'`,
    [lsn],
  );
  if (rows[0]?.holds === false) return false;
  const { rows: kept } = await queryable.query<
    Omit<KeptWal, 'past'> & { history: string | null; timeline: number }
  >(servedSql);
  const [own] = kept;
  return own === undefined || isServed({ ...own, past: parseHistory(own.history ?? '') }, lsn);
}

/**
 * Whether PostgreSQL finds the file that it reads for a standby at this position (pure). For the last segment of a former timeline it
 * reads that of the very next one (WalSndSegmentOpen in walsender.c), which is gone when that was left within the same segment:
 * at a promotion the last segment of the timeline before becomes `.partial`. A standby that was away for two of them would ask for ever.
 */
export function isServed({ timeline, past, segmentBytes, names }: KeptWal, lsn: string): boolean {
  const position = parseLsn(lsn);
  const index = past.findIndex(({ endLsn }) => position < parseLsn(endLsn));
  const left = past[index];
  // On the timeline of today, or where it was begun: the number of the segment has been looked at.
  if (left === undefined) return true;
  const segment = segmentNumber(position, segmentBytes);
  if (segment !== segmentNumber(parseLsn(left.endLsn), segmentBytes)) return true;
  const next = past[index + 1]?.timeline ?? timeline;
  return names.includes(walFileName(next, position, segmentBytes));
}
