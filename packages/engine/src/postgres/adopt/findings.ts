import { supportedMajorVersion } from '../data-directory.ts';
import { whyRefused } from '../hba-line.ts';
import { replicationRole, superuserRole } from '../layout.ts';
import { judgeParameters, type RefusedSetting } from '../settings.ts';

/** Whether a server that runs without QuantaDB can be taken over as it is, and what changes for its users (pure). */

/** What was read from the running server and its files. */
export interface ServerLook {
  versionNumber: number;
  versionText: string;
  systemIdentifier: string;
  timeline: number;
  /** Where each older timeline was left, oldest first. */
  history: { timeline: number; endLsn: string }[];
  isInRecovery: boolean;
  hasChecksums: boolean;
  bytes: number;
  databases: number;
  /** Set in configuration files, by ALTER SYSTEM or on the command line. */
  settings: { name: string; value: string; isPending: boolean }[];
  /** Of pg_hba.conf, comments left out. */
  hbaLines: string[];
  tablespaces: string[];
  /** Names under which other programs stream from it. */
  receivers: string[];
  slots: { name: string; type: string }[];
  archiveBacklog: number;
  /** QuantaDB's names that are roles there already, and whether they are superusers. */
  ownRoles: { name: string; isSuper: boolean }[];
  md5Roles: number;
  port: number;
  listenAddresses: string;
  socketDirectories: string[];
  /** The OS user it runs as. */
  osUser: string;
  /** What starts it with the machine, in words; null: nothing that is known. */
  autostart: string | null;
}

/** Where QuantaDB would run it. */
export interface AdoptionPlace {
  port: number;
  listenHost: string;
  socketDirectory: string;
  /** Null: the daemon's own user. */
  osUser: string | null;
  daemonUser: string;
}

export interface Findings {
  summary: string;
  /** Each with the next step. */
  refusals: string[];
  warnings: string[];
  /** The cluster's from then on. */
  parameters: Record<string, string>;
  hba: string[];
  timeline: number;
  history: { timeline: number; endLsn: string }[];
  systemIdentifier: string;
}

/** Settings that name the place of the old server, or what QuantaDB does in another way: nobody misses them. */
const placeSettings = new Set([
  ...['config_file', 'data_directory', 'external_pid_file', 'hba_file', 'ident_file', 'port'],
  ...['cluster_name', 'listen_addresses', 'unix_socket_directories', 'unix_socket_permissions'],
  ...['unix_socket_group', 'ssl', 'ssl_cert_file', 'ssl_key_file', 'ssl_ca_file', 'wal_level', 'hot_standby'],
  ...['lc_messages', 'update_process_title', 'max_wal_senders', 'max_replication_slots'],
]);
/** What PostgreSQL does when nobody says anything: losing it changes nothing. */
const harmlessValues = new Set(['', 'off', '0', '(disabled)']);

/**
 * @param invalid settings that PostgreSQL would not take from a configuration of QuantaDB's
 */
export function judgeServer(
  look: ServerLook,
  place: AdoptionPlace,
  invalid: RefusedSetting[] = [],
): Findings {
  const { kept, lost } = keptParameters(look, invalid);
  const { hba, lostLines } = keptAccess(look.hbaLines);
  const words = `PostgreSQL ${look.versionText}, system ${look.systemIdentifier}, timeline ${look.timeline}, ${look.databases} databases`;
  return {
    summary: `${words}; ${Object.keys(kept).length} settings and ${hba.length} access lines are kept`,
    refusals: refusalsOf(look, place),
    warnings: [...warningsOf(look, place, hba), ...lost, ...lostLines],
    parameters: kept,
    hba,
    timeline: look.timeline,
    history: look.history,
    systemIdentifier: look.systemIdentifier,
  };
}

function refusalsOf(look: ServerLook, place: AdoptionPlace): string[] {
  const major = Math.floor(look.versionNumber / 10_000);
  const refusals: string[] = [];
  if (major !== supportedMajorVersion)
    refusals.push(
      `It is PostgreSQL ${major}; QuantaDB runs ${supportedMajorVersion}. Upgrade it with pg_upgrade first.`,
    );
  if (look.isInRecovery)
    refusals.push('It is a standby. Adopt its primary, and add this host as a node afterwards.');
  if (look.tablespaces.length > 0)
    refusals.push(
      `Tablespaces outside of the data directory (${look.tablespaces.join(', ')}) are not copied to standbys yet. Move what is in them: ALTER TABLE … SET TABLESPACE pg_default, then DROP TABLESPACE.`,
    );
  const user = place.osUser ?? place.daemonUser;
  if (user !== look.osUser)
    refusals.push(
      `It runs as ${look.osUser}, and this host would run it as ${user}. Set "osUser" in host.json to ${look.osUser}, then reload the daemon.`,
    );
  for (const { name, isSuper } of look.ownRoles) {
    if (name === superuserRole && isSuper) continue;
    if (name === replicationRole && !isSuper) continue;
    refusals.push(
      `A role ${name} exists already, and QuantaDB needs that name. Rename it: ALTER ROLE … RENAME TO …`,
    );
  }
  if (look.archiveBacklog > archiveBacklogMax)
    refusals.push(
      `${look.archiveBacklog} WAL segments wait to be archived, and a clean stop waits for all of them. See why archive_command fails first.`,
    );
  return refusals;
}

const archiveBacklogMax = 20;

function warningsOf(look: ServerLook, place: AdoptionPlace, hba: string[]): string[] {
  const warnings: string[] = [];
  if (place.port !== look.port)
    warnings.push(`Clients find it at port ${place.port} afterwards, not at ${look.port}.`);
  if (!coversAddresses(place.listenHost, look.listenAddresses))
    warnings.push(
      `It listens on ${look.listenAddresses || 'no address'} now, and on ${place.listenHost} afterwards ("listenHost" in host.json).`,
    );
  if (look.socketDirectories.length > 0 && !look.socketDirectories.includes(place.socketDirectory))
    warnings.push(
      `Its unix socket moves from ${look.socketDirectories.join(', ')} to ${place.socketDirectory}: local programs have to follow, or connect over TCP.`,
    );
  if (!look.hasChecksums)
    warnings.push(
      'Its pages carry no checksums, so damage on disk is found late. They can be switched on with pg_checksums, stopped, before or after.',
    );
  if (look.receivers.length > 0)
    warnings.push(
      `${look.receivers.join(', ')} streams from it and is cut off: its place is taken by standbys of QuantaDB.`,
    );
  const logical = look.slots.filter(({ type }) => type === 'logical').map(({ name }) => name);
  if (logical.length > 0)
    warnings.push(`The logical slots ${logical.join(', ')} stay on this node, and do not follow a failover.`);
  if (look.md5Roles > 0 && !hba.some((line) => /\bmd5\b/.test(line)))
    warnings.push(
      `${look.md5Roles} roles have an md5 password, which scram-sha-256 does not take: set their passwords anew.`,
    );
  const pending = look.settings.filter(({ isPending }) => isPending).map(({ name }) => name);
  if (pending.length > 0)
    warnings.push(`${pending.join(', ')} waited for a restart; the value in force now is kept.`);
  return warnings;
}

function coversAddresses(listenHost: string, before: string): boolean {
  if (listenHost === '0.0.0.0' || listenHost === '::') return true;
  const addresses = before.split(',').map((each) => each.trim());
  return addresses.every(
    (each) => each === listenHost || (each === 'localhost' && listenHost === '127.0.0.1'),
  );
}

function keptParameters(
  look: ServerLook,
  invalid: RefusedSetting[],
): { kept: Record<string, string>; lost: string[] } {
  const given = look.settings.filter(({ name }) => !placeSettings.has(name));
  const values = Object.fromEntries(given.map(({ name, value }) => [name, value]));
  const { accepted, refused } = judgeParameters(values);
  const libraries = values.shared_preload_libraries;
  const kept = libraries ? { ...accepted, shared_preload_libraries: libraries } : accepted;
  for (const { name } of invalid) delete kept[name];
  const missed = [...refused, ...invalid].filter(({ name }) => !harmlessValues.has(values[name] ?? ''));
  const lost = missed.map(
    ({ name, detail }) => `${name} = ${JSON.stringify(values[name] ?? '')} is not kept: ${detail}.`,
  );
  return { kept, lost };
}

/** Replication is QuantaDB's own business; its lines are left out without a word. */
function keptAccess(lines: string[]): { hba: string[]; lostLines: string[] } {
  const hba: string[] = [];
  const lostLines: string[] = [];
  for (const text of lines) {
    const line = text.trim().replaceAll(/\s+/g, ' ');
    if (line.split(' ')[1] === 'replication') continue;
    const why = whyRefused(line);
    if (why === null) hba.push(line);
    else lostLines.push(`The access line "${line}" is not kept: ${why}.`);
  }
  return { hba, lostLines };
}
