import pg from 'pg';
import { QuantaError } from '../../shared/errors.ts';
import { ownRoles } from '../sessions/protection.ts';
import type { CountedStatement, StatementLook } from './deltas.ts';

type Queryable = Pick<pg.Client, 'query'>;

/** As many as are looked at; PostgreSQL keeps 5,000 unless it is told otherwise (pg_stat_statements.max). */
const statementsMax = 10_000;

// Without texts the view is read from shared memory alone (pg_stat_statements(false)).
const lookSql = (schema: string) => `
SELECT coalesce(a.rolname, s.userid::text) AS "user", coalesce(d.datname, s.dbid::text) AS database,
  s.queryid::text AS "queryId", s.userid || ' ' || s.dbid || ' ' || s.queryid AS key,
  sum(s.calls)::float8 AS calls, sum(s.total_exec_time)::float8 AS "totalMs", sum(s.rows)::float8 AS rows,
  sum(s.shared_blks_hit)::float8 AS "blocksHit", sum(s.shared_blks_read)::float8 AS "blocksRead",
  sum(s.temp_blks_read + s.temp_blks_written)::float8 AS "tempBlocks", sum(s.wal_bytes)::float8 AS "walBytes"
FROM ${schema}.pg_stat_statements(false) s
LEFT JOIN pg_authid a ON a.oid = s.userid LEFT JOIN pg_database d ON d.oid = s.dbid
WHERE s.queryid IS NOT NULL AND coalesce(a.rolname, '') <> ALL ($1)
GROUP BY a.rolname, d.datname, s.userid, s.dbid, s.queryid
ORDER BY sum(s.total_exec_time) DESC LIMIT ${statementsMax + 1}`;

const textSql = (schema: string) => `
SELECT DISTINCT ON (queryid) queryid::text AS "queryId", left(query, 4000) AS text
FROM ${schema}.pg_stat_statements(true) WHERE queryid = ANY ($1::bigint[]) AND query IS NOT NULL ORDER BY queryid`;

/** @throws QuantaError REFUSED with the next step when nothing is counted, or whatever the queries throw */
export async function lookAtStatements(client: Queryable): Promise<StatementLook> {
  const schema = await schemaOf(client);
  try {
    const since = await client.query<{ since: string }>(
      `SELECT stats_reset::text AS since FROM ${schema}.pg_stat_statements_info`,
    );
    const { rows } = await client.query<CountedStatement>(lookSql(schema), [ownRoles]);
    return {
      since: since.rows[0]?.since ?? '',
      isWhole: rows.length <= statementsMax,
      statements: rows.slice(0, statementsMax),
    };
  } catch (error) {
    // object_not_in_prerequisite_state: the library is not loaded.
    if ((error as { code?: string }).code !== '55000') throw error;
    throw new QuantaError(
      'REFUSED',
      'PostgreSQL has not loaded pg_stat_statements yet: restart it (on the page Parameters, or `quantadb rolling-restart`)',
    );
  }
}

/** Reads a file of all texts, so it is asked only for those that are not known. */
export async function textsOf(client: Queryable, queryIds: string[]): Promise<Map<string, string>> {
  const { rows } = await client.query<{ queryId: string; text: string }>(textSql(await schemaOf(client)), [
    queryIds,
  ]);
  return new Map(rows.map(({ queryId, text }) => [queryId, text]));
}

/** Every cluster has the extension in the database `postgres`, until somebody drops it. */
async function schemaOf(client: Queryable): Promise<string> {
  const { rows } = await client.query<{ schema: string }>(
    "SELECT nspname AS schema FROM pg_extension JOIN pg_namespace n ON n.oid = extnamespace WHERE extname = 'pg_stat_statements'",
  );
  const [row] = rows;
  if (row) return pg.escapeIdentifier(row.schema);
  throw new QuantaError(
    'REFUSED',
    'the database postgres has no extension pg_stat_statements: CREATE EXTENSION pg_stat_statements there, on the primary',
  );
}
