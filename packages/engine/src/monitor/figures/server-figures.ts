import type pg from 'pg';
import type { NodeFigures } from '../../contract/node-metrics.ts';
import { replicationRole, superuserRole } from '../../postgres/layout.ts';
import { grown, type Interval, ratePerSecond, shareOf } from './rates.ts';

/** PostgreSQL's own figures (https://www.postgresql.org/docs/15/monitoring-stats.html), as they stand and as they grow. */

const gauges = {
  clients: 'clients',
  clientsMax: 'clients_max',
  active: 'active',
  idleInTransaction: 'idle_in_transaction',
  waitingForLocks: 'waiting_for_locks',
  longestTransactionSeconds: 'longest_transaction',
  autovacuumWorkers: 'autovacuum_workers',
  transactionIdAge: 'transaction_id_age',
  slotBytes: 'slot_bytes',
} as const;

const growing = {
  commitsPerSecond: 'commits',
  rollbacksPerSecond: 'rollbacks',
  rowsReadPerSecond: 'rows_read',
  rowsWrittenPerSecond: 'rows_written',
  blocksReadPerSecond: 'blocks_read',
  tempBytesPerSecond: 'temp_bytes',
  deadlocksPerSecond: 'deadlocks',
  walBytesPerSecond: 'wal_bytes',
  checkpointsPerSecond: 'checkpoints',
} as const;

type Column = (typeof gauges)[keyof typeof gauges] | (typeof growing)[keyof typeof growing] | 'blocks_hit';

/** Of one run of a server: its counters begin again with the next one, and with a change of its role. */
export interface ServerLook {
  run: string;
  values: Record<Column, number | null>;
}

const checkpointsSince17 = '(SELECT num_timed + num_requested FROM pg_stat_checkpointer)';
const checkpointsBefore17 = '(SELECT checkpoints_timed + checkpoints_req FROM pg_stat_bgwriter)';

function lookSql(versionNumber: number): string {
  return `
WITH recovery AS (SELECT pg_is_in_recovery() AS is_standby),
position AS (
  SELECT CASE WHEN is_standby THEN coalesce(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn())
    ELSE pg_current_wal_lsn() END AS lsn FROM recovery
),
own AS (SELECT * FROM pg_stat_activity WHERE usename IS DISTINCT FROM '${superuserRole}' AND usename IS DISTINCT FROM '${replicationRole}'),
activity AS (
  SELECT count(*) FILTER (WHERE backend_type = 'client backend') AS clients,
    count(*) FILTER (WHERE backend_type = 'client backend' AND state = 'active') AS active,
    count(*) FILTER (WHERE state LIKE 'idle in transaction%') AS idle_in_transaction,
    count(*) FILTER (WHERE wait_event_type = 'Lock') AS waiting_for_locks,
    count(*) FILTER (WHERE backend_type = 'autovacuum worker') AS autovacuum_workers,
    coalesce(extract(epoch FROM clock_timestamp() - min(xact_start) FILTER (WHERE backend_type = 'client backend')), 0) AS longest
  FROM own
),
databases AS (
  SELECT sum(xact_commit) AS commits, sum(xact_rollback) AS rollbacks, sum(tup_returned) AS rows_read,
    sum(tup_inserted + tup_updated + tup_deleted) AS rows_written, sum(blks_hit) AS blocks_hit,
    sum(blks_read) AS blocks_read, sum(temp_bytes) AS temp_bytes, sum(deadlocks) AS deadlocks
  FROM pg_stat_database
)
SELECT pg_postmaster_start_time()::text || is_standby AS run,
  clients::float8, current_setting('max_connections')::float8 AS clients_max, active::float8, idle_in_transaction::float8,
  waiting_for_locks::float8, longest::float8 AS longest_transaction, autovacuum_workers::float8,
  commits::float8, rollbacks::float8, rows_read::float8, rows_written::float8, blocks_hit::float8, blocks_read::float8,
  temp_bytes::float8, deadlocks::float8, pg_wal_lsn_diff(lsn, '0/0')::float8 AS wal_bytes,
  ${versionNumber >= 170000 ? checkpointsSince17 : checkpointsBefore17}::float8 AS checkpoints,
  (SELECT max(age(datfrozenxid)) FROM pg_database)::float8 AS transaction_id_age,
  (SELECT coalesce(max(pg_wal_lsn_diff(lsn, restart_lsn)), 0) FROM pg_replication_slots)::float8 AS slot_bytes
FROM recovery, position, activity, databases`;
}

/** @throws whatever the queries throw */
export async function lookAtServer(queryable: Pick<pg.Pool, 'query'>): Promise<ServerLook> {
  const asked = await queryable.query<{ number: number }>(
    "SELECT current_setting('server_version_num')::int AS number",
  );
  const text = lookSql(asked.rows[0]?.number ?? 0);
  const { rows } = await queryable.query<{ run: string } & ServerLook['values']>({
    name: 'quantadb-figures',
    text,
  });
  const [row] = rows;
  if (!row) throw new Error('the query for figures gave no row');
  const { run, ...values } = row;
  return { run, values };
}

/** Reads every file's size: now and then only. @throws whatever the query throws */
export async function databaseBytes(queryable: Pick<pg.Pool, 'query'>): Promise<number> {
  const { rows } = await queryable.query<{ bytes: number }>(
    'SELECT coalesce(sum(pg_database_size(oid)), 0)::float8 AS bytes FROM pg_database WHERE datallowconn',
  );
  return rows[0]?.bytes ?? 0;
}

/** What stands now, and what has grown since the look before, if that was of the same run (pure). */
export function serverFigures(before: ServerLook | null, now: ServerLook, interval: Interval): NodeFigures {
  const figures: NodeFigures = {};
  for (const [name, column] of Object.entries(gauges) as [keyof typeof gauges, Column][])
    figures[name] = now.values[column] ?? undefined;
  if (before?.run !== now.run) return figures;
  const rate = (column: Column) => ratePerSecond(before.values[column], now.values[column], interval);
  for (const [name, column] of Object.entries(growing) as [keyof typeof growing, Column][])
    figures[name] = rate(column);
  const hits = grown(before.values.blocks_hit, now.values.blocks_hit);
  const reads = grown(before.values.blocks_read, now.values.blocks_read);
  figures.cacheHitShare = shareOf(hits, reads);
  return figures;
}
