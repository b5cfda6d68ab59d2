import type pg from 'pg';
import { type Session, type SessionsAnswer, sessionsMax, sessionTextMax } from '../../contract/sessions.ts';
import { kindOf, protectedBecause } from './protection.ts';

/** Names a session for good: a pid alone may belong to another one by now. */
export const startedSql = '(extract(epoch FROM backend_start) * 1000000)::bigint';
const blockersMax = 100;
const namesMax = 200;

// pg_blocking_pids takes every lock of the lock table for a moment: it is asked only of who waits for a lock, and of so many at most.
const listSql = `
WITH activity AS MATERIALIZED (
  SELECT * FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND leader_pid IS DISTINCT FROM pg_backend_pid()
), waiting AS MATERIALIZED (
  SELECT pid FROM activity WHERE wait_event_type = 'Lock' ORDER BY query_start NULLS LAST LIMIT ${sessionsMax}
), blocked AS MATERIALIZED (
  SELECT pid, ARRAY(SELECT DISTINCT unnest(pg_blocking_pids(pid)) LIMIT ${blockersMax}) AS blockers FROM waiting
), blocking AS MATERIALIZED (
  SELECT blocker AS pid, count(*) AS waiters FROM blocked, unnest(blockers) AS blocker GROUP BY 1
), moment AS (SELECT clock_timestamp() AS now)
SELECT activity.pid, leader_pid, ${startedSql}::text AS started, backend_type, usename, datname,
  left(coalesce(application_name, ''), ${namesMax}) AS application, host(client_addr) AS client, state,
  wait_event_type, wait_event, left(query, ${sessionTextMax}) AS query, age(backend_xmin) AS xmin_age,
  extract(epoch FROM now - xact_start)::float8 * 1000 AS transaction_ms,
  extract(epoch FROM now - query_start)::float8 * 1000 AS statement_ms,
  extract(epoch FROM now - state_change)::float8 * 1000 AS state_ms,
  coalesce(blockers, '{}') AS blockers, count(*) OVER ()::int AS total
FROM activity CROSS JOIN moment LEFT JOIN blocked USING (pid) LEFT JOIN blocking USING (pid)
ORDER BY coalesce(waiters, 0) DESC, blockers IS NULL, backend_type <> 'client backend', xact_start NULLS LAST, query_start
LIMIT ${sessionsMax}`;

interface Row {
  pid: number;
  leader_pid: number | null;
  started: string;
  backend_type: string;
  usename: string | null;
  datname: string | null;
  application: string;
  client: string | null;
  state: string | null;
  wait_event_type: string | null;
  wait_event: string | null;
  query: string | null;
  xmin_age: number | null;
  transaction_ms: number | null;
  statement_ms: number | null;
  state_ms: number | null;
  blockers: number[];
  total: number;
}

/** Every session but the one that asks, bounded. @throws whatever the query throws */
export async function listSessions(client: Pick<pg.Client, 'query'>): Promise<SessionsAnswer> {
  const { rows } = await client.query<Row>(listSql);
  return { sessions: rows.map(sessionOf), leftOut: Math.max(0, (rows[0]?.total ?? 0) - rows.length) };
}

function sessionOf(row: Row): Session {
  const kind = kindOf(row.backend_type, row.usename);
  // A process of the server says what it does by its kind, and waits for work most of the time.
  const isServer = kind === 'server' && row.leader_pid === null;
  return {
    pid: row.pid,
    startedAt: row.started,
    kind,
    user: row.usename,
    database: row.datname,
    application: row.application || (kind === 'client' ? '' : row.backend_type),
    client: row.client,
    state: row.state,
    wait: isServer || row.wait_event_type === null ? null : `${row.wait_event_type}: ${row.wait_event}`,
    transactionMs: ageOf(row.transaction_ms),
    statementMs: ageOf(row.statement_ms),
    stateMs: ageOf(row.state_ms),
    xminAge: row.xmin_age,
    text: row.query,
    blockedBy: row.blockers,
    protectedBecause: protectedBecause(kind, { waitEvent: row.wait_event, leaderPid: row.leader_pid }),
  };
}

function ageOf(ms: number | null): number | null {
  return ms === null ? null : Math.max(0, Math.round(ms));
}
