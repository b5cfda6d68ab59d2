import type pg from 'pg';
import { type ReplicationAnswer, replicationRowsMax, type Sender } from '../../contract/replication-view.ts';

const namesMax = 200;

/** A standby sends on what it has received. */
const headSql = `CASE WHEN pg_is_in_recovery()
  THEN coalesce(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()) ELSE pg_current_wal_lsn() END`;

const behind = (column: string) => `greatest(pg_wal_lsn_diff(lsn, ${column}), 0)::float8`;
const took = (column: string) => `extract(epoch FROM ${column})::float8 * 1000`;

const sendersSql = `
WITH head AS MATERIALIZED (SELECT ${headSql} AS lsn)
SELECT left(coalesce(nullif(application_name, ''), usename, ''), ${namesMax}) AS name, host(client_addr) AS client,
  coalesce(state, '') AS state, coalesce(sync_state, '') AS sync, slot_name AS slot,
  ${behind('sent_lsn')} AS sent, ${behind('write_lsn')} AS written, ${behind('flush_lsn')} AS flushed,
  ${behind('replay_lsn')} AS replayed,
  ${took('write_lag')} AS write_ms, ${took('flush_lag')} AS flush_ms, ${took('replay_lag')} AS replay_ms
FROM pg_stat_replication CROSS JOIN head LEFT JOIN pg_replication_slots ON active_pid = pid
ORDER BY 1, pid LIMIT ${replicationRowsMax}`;

const slotsSql = `
WITH head AS MATERIALIZED (SELECT ${headSql} AS lsn)
SELECT slot_name AS name, slot_type AS kind, database, active, wal_status, ${behind('restart_lsn')} AS kept,
  safe_wal_size::float8 AS safe
FROM pg_replication_slots CROSS JOIN head ORDER BY kept DESC NULLS LAST, slot_name LIMIT ${replicationRowsMax}`;

const receiverSql = `
SELECT status, concat_ws(':', sender_host, sender_port) AS "from", slot_name AS slot FROM pg_stat_wal_receiver WHERE status IS NOT NULL`;

const conflictsSql = `
SELECT sum(confl_tablespace)::float8 AS tablespace, sum(confl_lock)::float8 AS lock, sum(confl_snapshot)::float8 AS snapshot,
  sum(confl_bufferpin)::float8 AS "buffer pin", sum(confl_deadlock)::float8 AS deadlock FROM pg_stat_database_conflicts`;

interface SenderRow {
  name: string;
  client: string | null;
  state: string;
  sync: string;
  slot: string | null;
  sent: number | null;
  written: number | null;
  flushed: number | null;
  replayed: number | null;
  write_ms: number | null;
  flush_ms: number | null;
  replay_ms: number | null;
}

interface SlotRow {
  name: string;
  kind: 'physical' | 'logical';
  database: string | null;
  active: boolean;
  wal_status: string | null;
  kept: number | null;
  safe: number | null;
}

/** @throws whatever the queries throw */
export async function lookAtReplication(client: Pick<pg.Client, 'query'>): Promise<ReplicationAnswer> {
  const asked = await client.query<{ standby: boolean }>('SELECT pg_is_in_recovery() AS standby');
  const isStandby = asked.rows[0]?.standby === true;
  const senders = await client.query<SenderRow>(sendersSql);
  const slots = await client.query<SlotRow>(slotsSql);
  const receivers = isStandby
    ? await client.query<NonNullable<ReplicationAnswer['receiver']>>(receiverSql)
    : null;
  const conflicts = isStandby ? await client.query<Record<string, number | null>>(conflictsSql) : null;
  return {
    isStandby,
    senders: senders.rows.map(senderOf),
    receiver: receivers?.rows[0] ?? null,
    slots: slots.rows.map(({ active, wal_status, kept, safe, ...slot }) => {
      return { ...slot, isActive: active, walStatus: wal_status, keptBytes: kept, safeBytes: safe };
    }),
    conflicts: conflicts && countsOf(conflicts.rows[0] ?? {}),
  };
}

function senderOf(row: SenderRow): Sender {
  const { name, client, state, sync, slot } = row;
  return {
    ...{ name, client, state, sync, slot },
    ...{ sentBytes: row.sent, writeBytes: row.written, flushBytes: row.flushed, replayBytes: row.replayed },
    ...{ writeMs: row.write_ms, flushMs: row.flush_ms, replayMs: row.replay_ms },
  };
}

function countsOf(row: Record<string, number | null>): Record<string, number> {
  return Object.fromEntries(Object.entries(row).map(([kind, count]) => [kind, count ?? 0]));
}
