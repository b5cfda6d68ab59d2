import { mkdir, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runOrThrow } from '@quantadb/engine/postgres/command';
import { ensureOwnedDirectory, writeOwnedFile } from '@quantadb/engine/postgres/owned-file';
import type { OsUser } from '@quantadb/engine/postgres/postmaster-host';
import { pollUntil } from '@quantadb/engine/shared/deadline';
import { messageOf } from '@quantadb/engine/shared/errors';
import { consoleNodeOption } from '../console-memory.ts';
import { type DemoPorts, demoPaths } from './layout.ts';
import { endProcess, postmasterOf, processesWith } from './leftovers.ts';
import { ManagedProcess } from './managed-process.ts';
import type { Secrets } from './secrets.ts';

export interface LocalControlPlaneOptions {
  home: string;
  ports: DemoPorts;
  binDir: string;
  osUser: OsUser | null;
  secrets: Secrets;
  say(line: string): void;
}

const serverFile = fileURLToPath(new URL('../../../console/dist/server.js', import.meta.url));
const loopback = '127.0.0.1';
const initdbDeadlineMs = 120_000;
const upDeadlineMs = 60_000;
const restartAfterMs = 2000;
const endDeadlineMs = 15_000;

/** The console and its own PostgreSQL, as part of the local system. The clusters need neither to keep serving. */
export class LocalControlPlane {
  readonly url: string;
  private readonly options: LocalControlPlaneOptions;
  private readonly dataDir: string;
  private readonly consoleDirectory: string;
  private readonly metadata: ManagedProcess;
  private readonly console: ManagedProcess;

  constructor(options: LocalControlPlaneOptions) {
    const { home, ports, binDir, osUser, secrets, say } = options;
    this.options = options;
    this.url = `http://${loopback}:${ports.console}`;
    this.dataDir = join(home, 'metadata', 'data');
    this.consoleDirectory = join(home, 'console');
    this.metadata = new ManagedProcess({
      name: 'metadata database',
      file: join(binDir, 'postgres'),
      args: [
        ...['-D', this.dataDir, '-p', String(ports.metadata), '-c', `listen_addresses=${loopback}`],
        ...['-c', 'unix_socket_directories='],
      ],
      osUser,
      endSignal: 'SIGINT',
      logFile: join(home, 'metadata', 'postgres.log'),
      restartAfterMs,
      onTrouble: say,
    });
    this.console = new ManagedProcess({
      name: 'console',
      file: process.execPath,
      // The directory is an argument so that a left-over console can be recognised as this home's.
      args: [consoleNodeOption, serverFile, this.consoleDirectory],
      env: {
        ...process.env,
        NODE_ENV: 'production',
        NEXT_TELEMETRY_DISABLED: '1',
        QUANTADB_DATABASE_URL: `postgres://quantadb:${secrets.metadata.password}@${loopback}:${ports.metadata}/postgres`,
        QUANTADB_SECRET: secrets.console.secret,
        QUANTADB_PUBLIC_URL: this.url,
        QUANTADB_CONSOLE_PORT: String(ports.console),
      },
      logFile: join(this.consoleDirectory, 'console.log'),
      restartAfterMs,
      onTrouble: say,
    });
  }

  /** @returns when the console answers */
  async start(): Promise<void> {
    await mkdir(this.consoleDirectory, { recursive: true, mode: 0o755 });
    await mkdir(dirname(this.dataDir), { recursive: true, mode: 0o755 });
    await Promise.all((await processesWith(this.consoleDirectory)).map((pid) => endProcess(pid)));
    const postmaster = await postmasterOf(this.dataDir);
    if (postmaster !== null) await endProcess(postmaster, 'SIGINT');
    await this.initialise();
    await this.metadata.start();
    // It goes on trying while its database starts.
    await this.console.start();
    const answers = () =>
      fetch(new URL('/api/v1/setup', this.url))
        .then((response) => (response.ok ? true : undefined))
        .catch(() => undefined);
    const what = `the console answers (see ${join(this.consoleDirectory, 'console.log')})`;
    await pollUntil(answers, { what, timeoutMs: upDeadlineMs, intervalMs: 100 });
  }

  async stop(): Promise<void> {
    await this.console.end(endDeadlineMs);
    await this.metadata.end(endDeadlineMs);
  }

  private async initialise(): Promise<void> {
    const isThere = await stat(join(this.dataDir, 'PG_VERSION')).catch(() => null);
    if (isThere) return;
    const { binDir, osUser, secrets, home } = this.options;
    const passwordFile = join(demoPaths(home).home, 'metadata', 'initial-password');
    await rm(this.dataDir, { recursive: true, force: true });
    await ensureOwnedDirectory(this.dataDir, { osUser, mode: 0o700 });
    await writeOwnedFile(passwordFile, `${secrets.metadata.password}\n`, { osUser, mode: 0o600 });
    try {
      await runOrThrow({
        file: join(binDir, 'initdb'),
        args: [
          ...[
            '-D',
            this.dataDir,
            '-U',
            'quantadb',
            '--data-checksums',
            '--encoding=UTF8',
            '--locale=C.UTF-8',
          ],
          ...['--auth-local=reject', '--auth-host=scram-sha-256', `--pwfile=${passwordFile}`],
        ],
        osUser,
        timeoutMs: initdbDeadlineMs,
      });
    } catch (error) {
      // A half-made directory must not look like a whole one next time.
      await rm(this.dataDir, { recursive: true, force: true });
      throw new Error(`the metadata database could not be made: ${messageOf(error)}`, { cause: error });
    } finally {
      await rm(passwordFile, { force: true });
    }
  }
}
