import type pg from 'pg';
import type { Consumer } from './consumers.ts';
import { replicationRole } from './layout.ts';

export interface StandbySample {
  /** `application_name`: the standby's node name. */
  name: string;
  state: string;
  sync: string;
  sentLsn: string | null;
  writeLsn: string | null;
  flushLsn: string | null;
  replayLsn: string | null;
}

export interface ServerSample {
  isInRecovery: boolean;
  /** As "15.18". */
  version: string;
  /** Of the WAL being written (primary) or received; before a standby has received any: of its last restart point. */
  timeline: number;
  /** Primary: where the next record goes. Standby: the end of what the receiver has flushed (null before it has run). */
  lsn: string | null;
  /** Primary only: the end of what is flushed. */
  flushLsn: string | null;
  replayLsn: string | null;
  /** Standby only: when the newest replayed transaction was committed, wall clock of its primary. */
  lastCommitMs: number | null;
  receiver: { status: string; senderHost: string | null; senderPort: number | null } | null;
  isReplayPaused: boolean;
  /** Replay waits because it is to be late, which PostgreSQL tells by what the startup process waits for. */
  isDelaying: boolean;
  synchronousStandbyNames: string;
  /** Whoever streams as a host of the cluster. */
  standbys: StandbySample[];
  /** Clients that receive WAL as a role of the user's, by logical replication. */
  consumers: Consumer[];
  /** Parameters whose new value takes effect with the next restart. */
  pendingRestart: string[];
  /** Whose commits wait for less than the cluster promises, by ALTER ROLE or ALTER DATABASE, in words. */
  unguarded: string[];
  /** Physical slots, by name; the copies of the primary's on a standby, too. */
  slots: string[];
}

// CASE evaluates only the branch it takes, so each function is called only where it is allowed.
const sampleSql = `
SELECT s.recovery, pg_postmaster_start_time()::text AS started, split_part(current_setting('server_version'), ' ', 1) AS version, current_setting('synchronous_standby_names') AS names,
  CASE WHEN s.recovery THEN coalesce(r.received_tli, c.timeline_id)
    ELSE ('x' || substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8))::bit(32)::int END AS timeline,
  CASE WHEN s.recovery THEN pg_last_wal_receive_lsn() ELSE pg_current_wal_insert_lsn() END AS lsn,
  CASE WHEN s.recovery THEN NULL ELSE pg_current_wal_flush_lsn() END AS flush_lsn,
  CASE WHEN s.recovery THEN pg_last_wal_replay_lsn() END AS replay_lsn,
  CASE WHEN s.recovery THEN round(extract(epoch FROM pg_last_xact_replay_timestamp()) * 1000)::float8 END
    AS last_commit_ms,
  CASE WHEN s.recovery THEN pg_is_wal_replay_paused() ELSE false END AS paused,
  s.recovery AND EXISTS (SELECT FROM pg_stat_activity
    WHERE backend_type = 'startup' AND wait_event = 'RecoveryApplyDelay') AS delaying,
  r.status, r.sender_host, r.sender_port,
  (SELECT coalesce(json_agg(json_build_object('name', application_name, 'state', state, 'sync', sync_state,
      'sentLsn', sent_lsn, 'writeLsn', write_lsn, 'flushLsn', flush_lsn, 'replayLsn', replay_lsn)
      ORDER BY application_name), '[]')
    FROM pg_stat_replication WHERE usename = '${replicationRole}') AS standbys,
  (SELECT coalesce(json_agg(json_build_object('pid', pid, 'name', lower(application_name), 'role', usename)), '[]')
    FROM pg_stat_replication WHERE usename <> '${replicationRole}') AS consumers
FROM (SELECT pg_is_in_recovery() AS recovery) s
CROSS JOIN pg_control_checkpoint() c
LEFT JOIN pg_stat_wal_receiver r ON true`;

// PostgreSQL makes hundreds of rows to answer this one.
const settingsSql = `
SELECT (SELECT coalesce(json_agg(slot_name ORDER BY slot_name), '[]') FROM pg_replication_slots
    WHERE slot_type = 'physical' AND NOT temporary) AS slots,
  (SELECT coalesce(json_agg(name ORDER BY name), '[]') FROM pg_settings WHERE pending_restart) AS pending,
  (SELECT coalesce(json_agg(concat_ws(' in ', role.rolname, 'database ' || base.datname) || ' (' || setting || ')'), '[]')
    FROM pg_db_role_setting own CROSS JOIN unnest(own.setconfig) setting
    LEFT JOIN pg_roles role ON role.oid = own.setrole LEFT JOIN pg_database base ON base.oid = own.setdatabase
    WHERE lower(setting) ~ '^synchronous_commit=(off|false|no|0|local|remote_write)$') AS unguarded`;

const settingsEveryMs = 900;

interface SampleRow {
  recovery: boolean;
  started: string;
  version: string;
  names: string;
  timeline: number;
  lsn: string | null;
  flush_lsn: string | null;
  replay_lsn: string | null;
  last_commit_ms: number | null;
  paused: boolean;
  delaying: boolean;
  status: string | null;
  sender_host: string | null;
  sender_port: number | null;
  standbys: StandbySample[];
  consumers: Consumer[];
}

interface SettingsRow {
  pending: string[];
  unguarded: string[];
  slots: string[];
}

/** Looks at one server again and again; what changes seldom and costs much is asked for about once a second. */
export class Sampler {
  private settings: SettingsRow | null = null;
  /** Which run of the server they are of. */
  private started = '';
  private askedAtMs = Number.NEGATIVE_INFINITY;

  /** @throws whatever the queries throw */
  async take(queryable: Pick<pg.Pool, 'query'>): Promise<ServerSample> {
    // Named, so that each connection plans it once.
    const { rows } = await queryable.query<SampleRow>({ name: 'quantadb-sample', text: sampleSql });
    const [row] = rows;
    if (!row) throw new Error('the status query gave no row');
    return sampleOf(row, await this.settingsNow(queryable, row.started));
  }

  private async settingsNow(queryable: Pick<pg.Pool, 'query'>, started: string): Promise<SettingsRow> {
    const nowMs = performance.now();
    const isFresh = started === this.started && nowMs - this.askedAtMs < settingsEveryMs;
    if (this.settings && isFresh) return this.settings;
    const { rows } = await queryable.query<SettingsRow>({ name: 'quantadb-settings', text: settingsSql });
    const [row] = rows;
    if (!row) throw new Error('the query for settings gave no row');
    this.settings = row;
    this.started = started;
    this.askedAtMs = nowMs;
    return row;
  }
}

/** The server's state now. @throws whatever the queries throw */
export function takeSample(queryable: Pick<pg.Pool, 'query'>): Promise<ServerSample> {
  return new Sampler().take(queryable);
}

function sampleOf(row: SampleRow, settings: SettingsRow): ServerSample {
  const receiver =
    row.status === null
      ? null
      : { status: row.status, senderHost: row.sender_host, senderPort: row.sender_port };
  return {
    isInRecovery: row.recovery,
    version: row.version,
    timeline: row.timeline,
    lsn: row.lsn,
    flushLsn: row.flush_lsn,
    replayLsn: row.replay_lsn,
    lastCommitMs: row.last_commit_ms,
    receiver,
    isReplayPaused: row.paused,
    isDelaying: row.delaying,
    synchronousStandbyNames: row.names,
    standbys: row.standbys,
    consumers: row.consumers,
    pendingRestart: settings.pending,
    unguarded: settings.unguarded,
    slots: settings.slots,
  };
}
