import { join } from 'node:path';
import type { SynchronousMark } from '../replication/synchronous.ts';
import { filesOf, type NodePlace, replicationRole, type Upstream } from './layout.ts';

/**
 * The settings of one PostgreSQL server (pure): what QuantaDB owns, what it merely suggests, and what the user chose.
 * Reloadable settings go into `quantadb.conf`; those that need a restart are given on the command line, which not even
 * ALTER SYSTEM overrides.
 */

/** What changes while the server runs. Remembered by the daemon, so that its successor does not undo it. */
export interface MutableSettings {
  upstream: Upstream | null;
  /** File name of the receiver's key in the TLS directory; a new one for every upstream (see receiver.ts). */
  receiverKey: string | null;
  synchronousStandbyNames: string;
  synchronousCommit: 'on' | 'local';
  /** Which sync set of the cluster this is; null until there was one. */
  synchronousMark: SynchronousMark | null;
  /** `ClusterState.parameters`. */
  parameters: Record<string, string>;
  /** `ClusterState.hba`. */
  hba: string[];
  /** Whose certificates are taken for replication; null: those of every host of the installation. */
  hosts: string[] | null;
  /** Closed: nobody but QuantaDB and replication may connect. */
  clients: 'open' | 'closed';
  /** How much later than committed the server shows everything, on purpose. */
  applyDelayMs: number;
  /** A standby has copies of logical slots, and has the primary keep the catalog rows that they need. */
  keepsLogicalSlots: boolean;
}

/** What the cluster has agreed on, as it is. */
export type AgreedSettings = Pick<MutableSettings, 'parameters' | 'hba' | 'hosts' | 'applyDelayMs'>;

export const initialSettings: MutableSettings = {
  upstream: null,
  receiverKey: null,
  synchronousStandbyNames: '',
  synchronousCommit: 'local',
  synchronousMark: null,
  parameters: {},
  hba: [],
  hosts: null,
  clients: 'open',
  applyDelayMs: 0,
  keepsLogicalSlots: false,
};

export interface RefusedSetting {
  name: string;
  reason: 'owned' | 'malformed' | 'invalid';
  detail: string;
}

export interface RenderedSettings {
  /** Content of quantadb.conf. */
  file: string;
  /** `-c` arguments of the postmaster. */
  commandLine: string[];
  refused: RefusedSetting[];
}

/** Suggestions: what a user chooses instead wins. */
const suggested: Record<string, string> = {
  wal_keep_size: '256MB',
  max_slot_wal_keep_size: '10GB',
  // A query on a standby may hold up replay, and with it a promotion, for this long.
  max_standby_streaming_delay: '5s',
  max_standby_archive_delay: '5s',
};

/**
 * Clients are shut out while the local WAL is not proven part of the history. A rewind reads it from the last checkpoint
 * before the fork on, so until then no restartpoint may recycle any of it.
 */
export const keptWhileUnproven = '2000000MB';

const ownLibrary = 'pg_stat_statements';

export function renderSettings(place: NodePlace, settings: MutableSettings): RenderedSettings {
  const reloadable = reloadableSettings(place, settings);
  const { accepted, refused } = judgeParameters(settings.parameters);
  const lines = [
    '# Written by QuantaDB and overwritten at any time. Change parameters through QuantaDB.',
    ...Object.entries({ ...suggested, ...accepted, ...reloadable }).map(renderLine),
  ];
  const fixed = restartSettings(place, settings.parameters.shared_preload_libraries ?? '');
  return {
    file: `${lines.join('\n')}\n`,
    commandLine: Object.entries(fixed).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
    refused,
  };
}

/** The names no user parameter and no ALTER SYSTEM may set. */
export function isOwnedSetting(name: string): boolean {
  return ownedNames.has(name.toLowerCase());
}

/** Parameters the user may set, and why the others may not be. */
export function judgeParameters(parameters: Record<string, string>): {
  accepted: Record<string, string>;
  refused: RefusedSetting[];
} {
  const accepted: Record<string, string> = {};
  const refused: RefusedSetting[] = [];
  for (const [given, value] of Object.entries(parameters)) {
    const name = given.toLowerCase();
    if (!/^[a-z_][a-z0-9_$]{0,62}(\.[a-z_][a-z0-9_$]{0,62})?$/.test(name)) {
      refused.push({ name: given, reason: 'malformed', detail: 'not the name of a parameter' });
    } else if (hasControlCharacters(value) || value.length > 1000) {
      refused.push({ name, reason: 'malformed', detail: 'the value has control characters or is too long' });
    } else if (name === 'shared_preload_libraries') {
      if (!/^[A-Za-z0-9_, -]*$/.test(value)) {
        refused.push({
          name,
          reason: 'malformed',
          detail: 'only names of installed libraries, separated by commas',
        });
      }
    } else if (isOwnedSetting(name)) {
      refused.push({ name, reason: 'owned', detail: 'QuantaDB decides this one' });
    } else {
      accepted[name] = value;
    }
  }
  return { accepted, refused };
}

/**
 * Takes out of postgresql.auto.conf what ALTER SYSTEM set against us: it is read after our file and would win.
 */
export function stripOwnedSettings(autoConf: string): { text: string; stripped: string[] } {
  const stripped: string[] = [];
  const kept = autoConf.split('\n').filter((line) => {
    const name = /^\s*([A-Za-z_][\w.$]*)\s*(=|\s)/.exec(line)?.[1];
    if (name === undefined || !isOwnedSetting(name)) return true;
    stripped.push(name.toLowerCase());
    return false;
  });
  return { text: kept.join('\n'), stripped };
}

const includeLine = "include 'quantadb.conf'";

/** postgresql.conf with our file included last, where it overrides everything before it. */
export function includeLast(postgresqlConf: string): string {
  const kept = postgresqlConf.split('\n').filter((line) => line.trim() !== includeLine);
  return `${kept.join('\n').trimEnd()}\n${includeLine}\n`;
}

/** What a standby connects to its upstream with. Certificates prove who it is: there is no secret in it. */
export function renderPrimaryConninfo(place: NodePlace, settings: MutableSettings): string {
  const { upstream, receiverKey } = settings;
  if (!upstream || receiverKey === null) return '';
  return renderConninfo({
    ...replicationIdentity(place, upstream),
    sslkey: join(filesOf(place).tlsDir, receiverKey),
    application_name: upstream.applicationName,
    connect_timeout: '2',
    keepalives: '1',
    keepalives_idle: '2',
    keepalives_interval: '1',
    keepalives_count: '3',
    // Data that is not acknowledged for this long means a dead path, long before TCP itself would give up.
    tcp_user_timeout: '5000',
  });
}

/** Where another node's server is, and what proves this host to it. */
export function replicationIdentity(place: NodePlace, upstream: Upstream): Record<string, string> {
  const { tlsDir } = filesOf(place);
  return {
    host: upstream.host,
    port: String(upstream.port),
    user: replicationRole,
    sslmode: 'verify-full',
    sslcert: join(tlsDir, 'host.crt'),
    sslkey: join(tlsDir, 'host.key'),
    sslrootcert: join(tlsDir, 'ca.crt'),
  };
}

/** A libpq connection string; every value quoted (libpq's "Keyword/Value Connection Strings"). */
export function renderConninfo(fields: Record<string, string>): string {
  return Object.entries(fields)
    .map(([key, value]) => `${key}='${value.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`)
    .join(' ');
}

function reloadableSettings(place: NodePlace, settings: MutableSettings): Record<string, string> {
  const { tlsDir, archiveScript } = filesOf(place);
  return {
    primary_conninfo: renderPrimaryConninfo(place, settings),
    primary_slot_name: settings.upstream?.slot ?? '',
    ...(settings.clients === 'closed' ? { wal_keep_size: keptWhileUnproven } : {}),
    synchronous_standby_names: settings.synchronousStandbyNames,
    synchronous_commit: settings.synchronousCommit,
    recovery_min_apply_delay: String(settings.applyDelayMs),
    // The last word is for pgBackRest, which makes no backup where this line does not name it.
    archive_command: `'${archiveScript.replaceAll("'", `'"'"'`)}' "%p" "%f" pgbackrest`,
    hot_standby_feedback: settings.keepsLogicalSlots ? 'on' : 'off',
    ssl: 'on',
    ssl_cert_file: join(tlsDir, 'host.crt'),
    ssl_key_file: join(tlsDir, 'host.key'),
    ssl_ca_file: join(tlsDir, 'ca.crt'),
    ...ownedConstants,
  };
}

/** Owned, reloadable, and the same on every node. */
const ownedConstants: Record<string, string> = {
  archive_library: '',
  // Repointing must not wait 5 s after one refused attempt.
  wal_retrieve_retry_interval: '100ms',
  wal_receiver_status_interval: '1s',
  wal_receiver_timeout: '5s',
  wal_sender_timeout: '5s',
  wal_receiver_create_temp_slot: 'off',
  lc_messages: 'C',
  password_encryption: 'scram-sha-256',
  ssl_min_protocol_version: 'TLSv1.2',
  ssl_crl_file: '',
  ssl_crl_dir: '',
  ssl_passphrase_command: '',
  log_destination: 'stderr',
  fsync: 'on',
  full_page_writes: 'on',
  // After a crash the daemon decides what to start; a restart in place would show commits nobody acknowledged.
  restart_after_crash: 'off',
  remove_temp_files_after_crash: 'on',
};

/** Owned, and fixed for the life of a postmaster. */
function restartSettings(place: NodePlace, libraries: string): Record<string, string> {
  const wanted = libraries
    .split(',')
    .map((name) => name.trim())
    .filter((name) => /^[A-Za-z0-9_-]+$/.test(name) && name !== ownLibrary);
  return {
    listen_addresses: place.listenHost,
    port: String(place.port),
    unix_socket_directories: place.runDir,
    unix_socket_permissions: '0777',
    cluster_name: place.clusterName,
    hba_file: join(place.dataDir, 'pg_hba.conf'),
    ident_file: join(place.dataDir, 'pg_ident.conf'),
    shared_preload_libraries: [ownLibrary, ...new Set(wanted)].join(','),
    wal_level: 'logical',
    archive_mode: 'on',
    hot_standby: 'on',
    wal_log_hints: 'on',
    max_wal_senders: '20',
    max_replication_slots: '20',
    track_commit_timestamp: 'on',
    logging_collector: 'off',
    // Sealing finds the receiver by its title (processes.ts); the command line is out of ALTER SYSTEM's reach.
    update_process_title: 'on',
    // The command line is out of ALTER SYSTEM's reach: a stuck command would hold up every failover.
    restore_command: '',
    archive_cleanup_command: '',
    recovery_end_command: '',
    promote_trigger_file: '',
    recovery_target: '',
    recovery_target_lsn: '',
    recovery_target_name: '',
    recovery_target_time: '',
    recovery_target_xid: '',
    recovery_target_timeline: 'latest',
  };
}

const ownedNames: ReadonlySet<string> = new Set([
  ...Object.keys(restartSettings(emptyPlace(), '')),
  ...Object.keys(reloadableSettings(emptyPlace(), initialSettings)),
  'config_file',
  'data_directory',
  'external_pid_file',
  'recovery_target_action',
  'recovery_target_inclusive',
  'bonjour',
  'event_source',
  'data_sync_retry',
  'ignore_invalid_pages',
  'ignore_checksum_failure',
  'zero_damaged_pages',
  'superuser_reserved_connections',
]);

function emptyPlace(): NodePlace {
  const tls = { ca: '', cert: '', key: '' };
  const directories = { binDir: '', dataDir: '', stateDir: '', runDir: '' };
  return { nodeName: '', clusterName: '', ...directories, port: 0, listenHost: '', tls, osUser: null };
}

function renderLine([name, value]: [string, string]): string {
  return `${name} = '${value.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`;
}

function hasControlCharacters(value: string): boolean {
  return [...value].some((character) => (character.codePointAt(0) ?? 0) < 32);
}
