import { readdir, readFile, readlink, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { pollUntil } from '../../shared/deadline.ts';
import { messageOf, QuantaError } from '../../shared/errors.ts';
import { lastLines, runCommand } from '../command.ts';
import { historyFileName, parseHistory } from '../history-files.ts';
import { type NodePlace, replicationRole, superuserRole } from '../layout.ts';
import type { OsUser } from '../postmaster-host.ts';
import { grantOf, rewindFunctions } from '../rewind-source.ts';
import { autostartOf, stopThroughItsService } from './autostart.ts';
import type { ServerLook } from './findings.ts';

/** A postmaster that somebody else has started, by its own word (postmaster.pid; PostgreSQL's miscadmin.h). */
export interface RunningServer {
  pid: number;
  port: number;
  socketDirectory: string;
}

const queryDeadlineMs = 15_000;
const stopDeadlineMs = 120_000;

/** @returns null when no server runs in the data directory */
export async function findRunningServer(dataDir: string): Promise<RunningServer | null> {
  const text = await readFile(join(dataDir, 'postmaster.pid'), 'utf8').catch(() => null);
  if (text === null) return null;
  const [pid, , , port, socketDirectory] = text.split('\n').map((line) => line.trim());
  const found = { pid: Number(pid), port: Number(port), socketDirectory: socketDirectory ?? '' };
  return (await isPostmasterOf(found.pid, dataDir)) ? found : null;
}

async function isPostmasterOf(pid: number, dataDir: string): Promise<boolean> {
  if (!Number.isInteger(pid) || pid <= 1) return false;
  const [place, wanted] = await Promise.all([
    readlink(`/proc/${pid}/cwd`).catch(() => null),
    stat(dataDir).catch(() => null),
  ]);
  const found = place === null ? null : await stat(place).catch(() => null);
  return found !== null && wanted !== null && found.ino === wanted.ino && found.dev === wanted.dev;
}

const lookSchema = z.object({
  versionNumber: z.number(),
  versionText: z.string(),
  systemIdentifier: z.string(),
  timeline: z.number(),
  isInRecovery: z.boolean(),
  hasChecksums: z.boolean(),
  bytes: z.number(),
  databases: z.number(),
  settings: z.array(z.object({ name: z.string(), value: z.string(), isPending: z.boolean() })),
  tablespaces: z.array(z.string()),
  receivers: z.array(z.string()),
  slots: z.array(z.object({ name: z.string(), type: z.string() })),
  archiveBacklog: z.number(),
  ownRoles: z.array(z.object({ name: z.string(), isSuper: z.boolean() })),
  md5Roles: z.number(),
  port: z.number(),
  listenAddresses: z.string(),
  socketDirectories: z.string(),
  configFile: z.string(),
  autoConfFile: z.string(),
  hbaFile: z.string(),
  identFile: z.string(),
});

const list = (query: string) => `coalesce((SELECT json_agg(each) FROM (${query}) AS each), '[]')`;
const names = (query: string) => `coalesce((SELECT json_agg(name) FROM (${query}) AS each), '[]')`;

const lookSql = `SELECT json_build_object(
  'versionNumber', current_setting('server_version_num')::int,
  'versionText', split_part(current_setting('server_version'), ' ', 1),
  'systemIdentifier', (SELECT system_identifier::text FROM pg_control_system()),
  'timeline', CASE WHEN pg_is_in_recovery() THEN (SELECT timeline_id FROM pg_control_checkpoint())
    ELSE ('x' || substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8))::bit(32)::int END,
  'isInRecovery', pg_is_in_recovery(),
  'hasChecksums', current_setting('data_checksums')::bool,
  'bytes', (SELECT sum(pg_database_size(oid)) FROM pg_database),
  'databases', (SELECT count(*) FROM pg_database WHERE datallowconn AND NOT datistemplate),
  'settings', ${list(`SELECT name, current_setting(name) AS value, pending_restart AS "isPending" FROM pg_settings
     WHERE source IN ('configuration file', 'command line') ORDER BY name`)},
  'tablespaces', ${names(`SELECT spcname AS name FROM pg_tablespace WHERE spcname NOT IN ('pg_default', 'pg_global')`)},
  'receivers', ${names('SELECT DISTINCT application_name AS name FROM pg_stat_replication')},
  'slots', ${list('SELECT slot_name AS name, slot_type AS type FROM pg_replication_slots')},
  'archiveBacklog', (SELECT count(*) FROM pg_ls_archive_statusdir() WHERE name LIKE '%.ready'),
  'ownRoles', ${list(`SELECT rolname AS name, rolsuper AS "isSuper" FROM pg_roles
     WHERE rolname IN ('${superuserRole}', '${replicationRole}')`)},
  'md5Roles', (SELECT count(*) FROM pg_authid WHERE rolcanlogin AND rolpassword LIKE 'md5%'),
  'port', current_setting('port')::int,
  'listenAddresses', current_setting('listen_addresses'),
  'socketDirectories', current_setting('unix_socket_directories'),
  'configFile', current_setting('config_file'),
  'autoConfFile', current_setting('data_directory') || '/postgresql.auto.conf',
  'hbaFile', current_setting('hba_file'),
  'identFile', current_setting('ident_file'))`;

/** Doing this twice changes nothing. */
const addRolesSql = [
  `DO $$ BEGIN
     IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '${superuserRole}') THEN CREATE ROLE ${superuserRole}; END IF;
     IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '${replicationRole}') THEN CREATE ROLE ${replicationRole}; END IF;
   END $$`,
  `ALTER ROLE ${superuserRole} SUPERUSER LOGIN`,
  `ALTER ROLE ${replicationRole} REPLICATION LOGIN`,
  ...rewindFunctions.map(grantOf),
  'CREATE EXTENSION IF NOT EXISTS pg_stat_statements',
]
  .map((statement) => `${statement};`)
  .join('\n');

/** The files that configure it now. */
export interface ConfigurationFiles {
  config: string;
  autoConf: string;
  hba: string;
  ident: string;
}

/** One server in the place of this host that QuantaDB did not start, spoken to as its own OS user. */
export class ForeignServer {
  private readonly place: NodePlace;
  readonly server: RunningServer;
  private readonly owner: OsUser & { name: string };

  private constructor(place: NodePlace, server: RunningServer, owner: OsUser & { name: string }) {
    this.place = place;
    this.server = server;
    this.owner = owner;
  }

  /** @throws QuantaError REFUSED when none runs: what it is set to can only be read while it does */
  static async find(place: NodePlace): Promise<ForeignServer> {
    const server = await findRunningServer(place.dataDir);
    if (server) return new ForeignServer(place, server, await ownerOf(place.dataDir));
    throw new QuantaError('REFUSED', `no PostgreSQL server runs in ${place.dataDir}`, {
      hint: 'Start it as you always did: its settings are read while it runs.',
    });
  }

  async look(): Promise<ServerLook & { files: ConfigurationFiles }> {
    const parsed = lookSchema.safeParse(JSON.parse(await this.query(lookSql)));
    if (!parsed.success)
      throw new QuantaError('POSTGRES_FAILED', `the server was not understood: ${parsed.error.message}`);
    const { configFile, autoConfFile, hbaFile, identFile, socketDirectories, ...seen } = parsed.data;
    const files = { config: configFile, autoConf: autoConfFile, hba: hbaFile, ident: identFile };
    return {
      ...seen,
      files,
      socketDirectories: socketDirectories
        .split(',')
        .map((each) => each.trim())
        .filter((each) => each !== ''),
      hbaLines: meaningfulLines(await readFile(hbaFile, 'utf8')),
      history: await this.historyOf(seen.timeline),
      osUser: this.owner.name,
      autostart: (await autostartOf(this.server.pid, configFile))?.words ?? null,
    };
  }

  /** The roles that QuantaDB works as, while everything goes on. */
  async addRoles(): Promise<void> {
    await this.query(addRolesSql);
  }

  /**
   * Stops it cleanly, and keeps the machine from starting it again.
   *
   * @throws QuantaError DEADLINE_EXCEEDED when it still runs after two minutes
   */
  async stop(configFile: string): Promise<{ autostart: string | null }> {
    const autostart = await autostartOf(this.server.pid, configFile);
    await autostart?.disable();
    // Twice: the second one, inside the shutdown, has next to nothing left to write.
    await this.query('CHECKPOINT');
    if (!(await stopThroughItsService(this.server.pid))) process.kill(this.server.pid, 'SIGINT');
    const isGone = async () => ((await findRunningServer(this.place.dataDir)) === null ? true : undefined);
    await pollUntil(isGone, { what: 'the server has stopped', timeoutMs: stopDeadlineMs, intervalMs: 20 });
    return { autostart: autostart?.words ?? null };
  }

  private async historyOf(timeline: number): Promise<ServerLook['history']> {
    const walDir = join(this.place.dataDir, 'pg_wal');
    const name = historyFileName(timeline);
    if (!(await readdir(walDir)).includes(name)) return [];
    return parseHistory(await readFile(join(walDir, name), 'utf8'));
  }

  /** As the OS user that runs it: "peer" lets it in nearly everywhere. */
  private async query(sql: string): Promise<string> {
    const tried: string[] = [];
    for (const role of new Set([this.owner.name, 'postgres', superuserRole])) {
      const { port, socketDirectory } = this.server;
      const where = ['-h', socketDirectory || '127.0.0.1', '-p', String(port), '-U', role, '-d', 'postgres'];
      const result = await runCommand({
        file: join(this.place.binDir, 'psql'),
        args: ['-X', '-A', '-t', '-q', '-w', '-v', 'ON_ERROR_STOP=1', ...where, '-f', '-'],
        osUser: process.getuid?.() === 0 ? this.owner : null,
        input: `SET synchronous_commit = local;\n${sql};\n`,
        timeoutMs: queryDeadlineMs,
      });
      if (result.code === 0) return result.stdout.trim();
      tried.push(`${role}: ${lastLines(result.stderr, 2)}`);
    }
    throw new QuantaError(
      'REFUSED',
      `the server does not let QuantaDB in as a superuser (${tried.join('; ')})`,
      {
        hint: `Let ${this.owner.name} in over the unix socket, as the first line of pg_hba.conf: "local all postgres peer"; then reload it.`,
      },
    );
  }
}

function meaningfulLines(text: string): string[] {
  return text
    .replaceAll(/\\\n/g, ' ')
    .split('\n')
    .map((line) => line.replace(/#.*$/, '').trim())
    .filter((line) => line !== '');
}

async function ownerOf(dataDir: string): Promise<OsUser & { name: string }> {
  const { uid, gid } = await stat(dataDir);
  try {
    const line = (await readFile('/etc/passwd', 'utf8'))
      .split('\n')
      .map((each) => each.split(':'))
      .find((fields) => Number(fields[2]) === uid);
    return { uid, gid, name: line?.[0] ?? String(uid) };
  } catch (error) {
    throw new QuantaError('PREFLIGHT_FAILED', `the owner of ${dataDir} cannot be named: ${messageOf(error)}`);
  }
}
