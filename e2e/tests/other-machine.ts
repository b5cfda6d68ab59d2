import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { expect } from '@playwright/test';
import pg from 'pg';
import type { LocalSystem } from './local-system.ts';

const run = promisify(execFile);
const binDir = process.env.QUANTADB_POSTGRES_BIN ?? '/usr/lib/postgresql/15/bin';
const upDeadlineMs = 60_000;

export interface ConsoleSettings {
  databaseUrl: string;
  /** As people and hosts reach it. */
  publicUrl: string;
  port: number;
  /** Of the console that was; absent: a new one. */
  secret?: string;
}

/** As a person does it: by the command, and with an editor for a secret that was kept elsewhere. */
export async function writeSettings(
  system: LocalSystem,
  file: string,
  settings: ConsoleSettings,
): Promise<void> {
  const { databaseUrl, publicUrl, port, secret } = settings;
  const said = ['--database', databaseUrl, '--public-url', publicUrl, '--port', String(port)];
  await system.command(['console', 'init', file, ...said]);
  if (secret === undefined) return;
  const text = await readFile(file, 'utf8');
  await writeFile(file, text.replace(/^QUANTADB_SECRET=.*$/m, `QUANTADB_SECRET=${secret}`));
}

/** Another machine for a console: a PostgreSQL of its own with an empty database, and settings. */
export class OtherMachine {
  readonly url: string;
  /** The file. */
  readonly settings: string;
  private readonly system: LocalSystem;
  private readonly processes: ChildProcess[];

  private constructor(
    system: LocalSystem,
    { settings, url, database }: { settings: string; url: string; database: ChildProcess },
  ) {
    this.system = system;
    this.settings = settings;
    this.url = url;
    this.processes = [database];
  }

  /** No console runs there yet. */
  static async prepare(
    system: LocalSystem,
    { name, ...place }: { name: string; port?: number; secret?: string },
  ): Promise<OtherMachine> {
    const directory = await system.directoryForPostgres(name);
    const data = join(directory, 'data');
    const as = osUser();
    await run(join(binDir, 'initdb'), ['-D', data, '-U', 'quantadb', '--auth=trust', '--no-sync'], as);
    const databasePort = await freePort();
    const own = ['-c', 'fsync=off', '-c', 'listen_addresses=127.0.0.1', '-c', 'unix_socket_directories='];
    const args = ['-D', data, '-p', String(databasePort), ...own];
    const database = spawn(join(binDir, 'postgres'), args, { stdio: 'ignore', ...as });
    const server = `postgres://quantadb@127.0.0.1:${databasePort}`;
    await expect(() => ask(`${server}/postgres`, 'CREATE DATABASE metadata')).toPass({
      timeout: upDeadlineMs,
    });
    const port = place.port ?? (await freePort());
    const url = `http://127.0.0.1:${port}`;
    const settings = join(directory, 'console.env');
    await writeSettings(system, settings, {
      ...place,
      port,
      publicUrl: url,
      databaseUrl: `${server}/metadata`,
    });
    return new OtherMachine(system, { settings, url, database });
  }

  async startConsole(): Promise<void> {
    this.processes.push(this.system.spawn(['console', 'run', this.settings]));
    const answers = async () => (await fetch(`${this.url}/api/v1/setup`).catch(() => null))?.ok;
    await expect.poll(answers, { timeout: upDeadlineMs }).toBe(true);
  }

  /** The page that makes the first administrator, with its token. */
  async setupUrl(): Promise<string> {
    const told = await this.system.command(['console', 'setup-token', this.settings, '--json']);
    return (JSON.parse(told) as { url: string }).url;
  }

  async stop(): Promise<void> {
    for (const child of this.processes.toReversed()) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      const ended = once(child, 'exit');
      // What PostgreSQL takes for a request to end now; the console ends in order, too.
      child.kill(child.spawnfile.endsWith('postgres') ? 'SIGINT' : 'SIGTERM');
      await ended;
    }
    await rm(dirname(this.settings), { recursive: true, force: true });
  }
}

async function ask(connectionString: string, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString });
  client.on('error', () => undefined);
  try {
    await client.connect();
    await client.query(sql);
  } finally {
    await client.end().catch(() => undefined);
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return typeof address === 'object' && address ? address.port : 0;
}

/** PostgreSQL refuses to run as root. */
function osUser(): { uid?: number; gid?: number } {
  if (process.getuid?.() !== 0) return {};
  const id = (flag: string) => Number(execFileSync('id', [flag, 'postgres']).toString());
  return { uid: id('-u'), gid: id('-g') };
}
