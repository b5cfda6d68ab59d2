import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { open, rm } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import type pg from 'pg';
import { toolEnvironment } from '../postgres/command.ts';
import { withFreshConnection } from '../postgres/connection.ts';
import { withDeathSignal } from '../postgres/death-signal.ts';
import { superuserRole } from '../postgres/layout.ts';
import { ensureOwnedDirectory, writeOwnedFile } from '../postgres/owned-file.ts';
import type { OsUser } from '../postgres/postmaster-host.ts';
import { clearStalePidFile, readLogTail } from '../postgres/server-start.ts';
import { type Clock, sleep, systemClock } from '../shared/clock.ts';
import { messageOf, QuantaError } from '../shared/errors.ts';

/** Where a restored copy runs: beside the node's own server, on a socket nobody else knows. */
export interface ScratchPlace {
  binDir: string;
  dataDir: string;
  /** Short: it holds a unix socket. Removed when the server stops. */
  runDir: string;
  logFile: string;
  osUser: OsUser | null;
  /** Where its tablespaces go; absent: to where they were, which only a machine that has none of them can take. */
  tablespaceDir?: string;
  /** The data directory of the server beside it, whose files it must not touch. */
  livesBeside?: string;
  /** The one timeline that recovery follows, where more than its own are within reach. */
  followTimeline?: number;
}

/** What a recovery led to, as the server itself says it. */
export interface Recovered {
  timeline: number;
  /** Where its WAL ends. */
  lsn: string;
  /** When the newest commit in it was made; null when it knows of none. */
  lastCommitMs: number | null;
  tookMs: number;
}

const port = 5432;
const askDeadlineMs = 5_000;
const stopDeadlineMs = 60_000;

/**
 * A restored data directory, recovered to its target and opened for a look. It listens on no network, archives nothing,
 * follows nobody, and dies with this process: a copy must never be taken for the cluster.
 */
export class ScratchServer {
  private readonly place: ScratchPlace;
  private readonly child: ChildProcess;
  private ended: string | null = null;

  private constructor(place: ScratchPlace, child: ChildProcess) {
    this.place = place;
    this.child = child;
    child.once('exit', (code, signal) => {
      this.ended =
        signal === null ? `PostgreSQL ended with code ${code}` : `PostgreSQL was ended by ${signal}`;
    });
  }

  /**
   * Starts recovery and waits until it has ended and the server is open for writes: that a server answers, or that its
   * start returned, proves nothing yet.
   *
   * @param onWaiting called with the server's own words while it recovers
   * @throws QuantaError BACKUP_FAILED with the last words of its log
   */
  static async recover(
    place: ScratchPlace,
    limits: { timeoutMs: number; signal: AbortSignal; clock?: Clock; onWaiting?(words: string): void },
  ): Promise<{ server: ScratchServer; recovered: Recovered }> {
    const clock = limits.clock ?? systemClock;
    const startedMs = clock.monotonicMs();
    const server = await ScratchServer.launch(place);
    try {
      const open = await server.untilOpen({ ...limits, clock });
      return { server, recovered: { ...open, tookMs: clock.monotonicMs() - startedMs } };
    } catch (error) {
      await server.stop();
      throw error;
    }
  }

  /** One connection for `work`, as superuser. */
  ask<T>(
    what: string,
    work: (client: pg.Client) => Promise<T>,
    options: { timeoutMs?: number; database?: string } = {},
  ): Promise<T> {
    const { timeoutMs = askDeadlineMs, database } = options;
    return withFreshConnection(
      { ...this.place, port },
      { what, timeoutMs, ...(database ? { database } : {}) },
      work,
    );
  }

  /** For people and programs who want to look: host and port of its socket. */
  get socket(): { host: string; port: number; user: string } {
    return { host: this.place.runDir, port, user: superuserRole };
  }

  /** Why it is no longer running; null while it is. */
  get endedWith(): string | null {
    return this.ended;
  }

  /** Ends it, cleanly if it can. The data directory stays. */
  async stop(clock: Clock = systemClock): Promise<void> {
    await this.end('SIGINT', stopDeadlineMs, clock);
    await this.end('SIGQUIT', 5_000, clock);
    await this.end('SIGKILL', 5_000, clock);
    await rm(this.place.runDir, { recursive: true, force: true });
  }

  private async end(signal: NodeJS.Signals, withinMs: number, clock: Clock): Promise<void> {
    if (this.ended !== null) return;
    const exited = once(this.child, 'exit');
    this.child.kill(signal);
    const late = new AbortController();
    await Promise.race([exited, sleep(clock, withinMs, late.signal).catch(() => undefined)]);
    late.abort();
  }

  private static async launch(place: ScratchPlace): Promise<ScratchServer> {
    await writeAccess(place);
    await clearStalePidFile(place);
    const log = await open(place.logFile, 'a', 0o640);
    try {
      const command = withDeathSignal({
        file: join(place.binDir, 'postgres'),
        args: ['-D', place.dataDir, ...commandLine(place)],
        osUser: place.osUser,
      });
      const { file, args, ...user } = command;
      const child = spawn(file, args, {
        cwd: place.dataDir,
        env: toolEnvironment(),
        stdio: ['ignore', log.fd, log.fd],
        ...user,
      });
      await once(child, 'spawn');
      return new ScratchServer(place, child);
    } finally {
      await log.close();
    }
  }

  private async untilOpen(limits: {
    timeoutMs: number;
    signal: AbortSignal;
    clock: Clock;
    onWaiting?(words: string): void;
  }): Promise<Omit<Recovered, 'tookMs'>> {
    const { clock } = limits;
    const endMs = clock.monotonicMs() + limits.timeoutMs;
    for (;;) {
      limits.signal.throwIfAborted();
      if (this.ended !== null) throw await this.failure(this.ended);
      const answer = await this.look();
      if (typeof answer !== 'string') return answer;
      limits.onWaiting?.(answer);
      if (clock.monotonicMs() >= endMs)
        throw await this.failure(`recovery took longer than ${limits.timeoutMs} ms`);
      await sleep(clock, 100, limits.signal);
    }
  }

  private async look(): Promise<Omit<Recovered, 'tookMs'> | string> {
    try {
      return await this.ask('whether recovery has ended', async (client) => {
        const { rows } = await client.query<{ recovering: boolean }>(
          'SELECT pg_is_in_recovery() AS recovering',
        );
        if (rows[0]?.recovering !== false) return 'recovering';
        return position(client);
      });
    } catch (error) {
      return messageOf(error);
    }
  }

  private async failure(what: string): Promise<QuantaError> {
    const words = await readLogTail(this.place.logFile, 15);
    const missed = /recovery ended before configured recovery target was reached/.test(words);
    return new QuantaError('BACKUP_FAILED', `${what}: ${words.slice(-1500)}`, {
      hint: missed
        ? 'The target lies after everything that was archived: restore to the latest moment, or to an earlier one.'
        : 'The lines above are the last of the restored server’s log.',
      details: { reason: missed ? 'target_not_reached' : 'recovery_failed' },
    });
  }
}

async function position(client: pg.Client): Promise<Omit<Recovered, 'tookMs'>> {
  const { rows } = await client.query<{ file: string; lsn: string; committed: Date | null }>(
    `SELECT pg_walfile_name(pg_current_wal_insert_lsn()) AS file, pg_current_wal_insert_lsn()::text AS lsn,
            (SELECT timestamp FROM pg_last_committed_xact()) AS committed`,
  );
  const [row] = rows;
  if (!row) throw new QuantaError('POSTGRES_FAILED', 'the restored server does not say where its WAL ends');
  return {
    timeline: Number.parseInt(row.file.slice(0, 8), 16),
    lsn: row.lsn,
    lastCommitMs: row.committed?.getTime() ?? null,
  };
}

/** Given on the command line, they win over whatever the copied files say. */
function commandLine(place: ScratchPlace): string[] {
  const settings: Record<string, string> = {
    listen_addresses: '',
    port: String(port),
    unix_socket_directories: place.runDir,
    unix_socket_permissions: '0700',
    hba_file: join(place.runDir, 'hba.conf'),
    ident_file: join(place.runDir, 'ident.conf'),
    cluster_name: 'quantadb scratch',
    ssl: 'off',
    archive_mode: 'off',
    archive_command: '',
    primary_conninfo: '',
    primary_slot_name: '',
    synchronous_standby_names: '',
    synchronous_commit: 'local',
    // Nobody reads before recovery has ended, and so no limit of the copied settings can stop it.
    hot_standby: 'off',
    shared_buffers: '128MB',
    max_standby_archive_delay: '-1',
    logging_collector: 'off',
    log_destination: 'stderr',
    lc_messages: 'C',
    restart_after_crash: 'off',
    autovacuum: 'off',
    track_commit_timestamp: 'on',
    ...(place.followTimeline ? { recovery_target_timeline: String(place.followTimeline) } : {}),
    max_logical_replication_workers: '0',
  };
  return Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
}

async function writeAccess(place: ScratchPlace): Promise<void> {
  const { osUser } = place;
  await ensureOwnedDirectory(place.runDir, { osUser, mode: 0o700 });
  const own = { osUser, mode: 0o600 };
  const hba = `local all ${superuserRole} peer map=scratch\nlocal all all reject\nhost all all all reject\n`;
  await writeOwnedFile(join(place.runDir, 'hba.conf'), hba, own);
  const users = [...new Set(['root', 'postgres', userInfo().username])];
  const ident = users.map((user) => `scratch ${user} ${superuserRole}\n`).join('');
  await writeOwnedFile(join(place.runDir, 'ident.conf'), ident, own);
}
