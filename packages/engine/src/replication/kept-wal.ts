import type pg from 'pg';

/**
 * Whether this primary still has the WAL that a standby needs next. Segments are named by timeline and position (PostgreSQL's page on
 * WAL internals); only the position counts here, because the same stretch may lie on the timeline before.
 *
 * @param lsn where the standby's WAL ends
 */
export async function holdsWal(queryable: Pick<pg.Pool, 'query'>, lsn: string): Promise<boolean> {
  const { rows } = await queryable.query<{ holds: boolean }>(
    `SELECT coalesce(min(substr(name, 9)) <= substr(pg_walfile_name($1::pg_lsn + 1), 9), true) AS holds
     FROM pg_ls_waldir() WHERE name ~ '^[0-9A-F]{24}$'`,
    [lsn],
  );
  return rows[0]?.holds ?? true;
}
