import type pg from 'pg';

/** A standby refuses to name segments; there the number is worked out. */
const wantedSql = `
SELECT CASE WHEN pg_is_in_recovery() THEN
  upper(lpad(to_hex(segment / per_file), 8, '0') || lpad(to_hex(segment % per_file), 8, '0'))
ELSE substr(pg_walfile_name($1::pg_lsn + 1), 9) END
FROM (SELECT div($1::pg_lsn - '0/0'::pg_lsn, bytes)::bigint AS segment, 4294967296 / bytes AS per_file
  FROM (SELECT pg_size_bytes(current_setting('wal_segment_size')) AS bytes) s) w`;

/**
 * Whether this primary, or standby that feeds others, still has the WAL that a standby needs next. Segments are named by timeline and position (PostgreSQL's page on
 * WAL internals); only the position counts here, because the same stretch may lie on the timeline before.
 *
 * @param lsn where the standby's WAL ends
 */
export async function holdsWal(queryable: Pick<pg.Pool, 'query'>, lsn: string): Promise<boolean> {
  const { rows } = await queryable.query<{ holds: boolean }>(
    `SELECT coalesce(min(substr(name, 9)) <= (${wantedSql}), true) AS holds
     FROM pg_ls_waldir() WHERE name ~ '^[0-9A-F]{24}$'`,
    [lsn],
  );
  return rows[0]?.holds ?? true;
}
