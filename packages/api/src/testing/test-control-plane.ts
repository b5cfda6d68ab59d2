import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, existsSync, mkdirSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { setupTokenOf } from '@quantadb/engine/security/setup-token';
import { pollUntil } from '@quantadb/engine/shared/deadline';
import { silentLogger } from '@quantadb/engine/shared/logger';
import { freePort } from '@quantadb/engine/testing/free-port';
import pg from 'pg';
import type { ControlPlaneConfig } from '../config.ts';
import { ControlPlane } from '../control-plane.ts';

const binDir = process.env.QUANTADB_POSTGRES_BIN ?? '/usr/lib/postgresql/15/bin';
const password = 'a password for tests';
export const adminPassword = 'correct horse battery staple';
export const secret = 'ab'.repeat(32);

/** A PostgreSQL server of the test's own, thrown away with its directory. */
export class TestDatabase {
  readonly url: string;
  private readonly directory: string;
  private readonly pid: number;
  private readonly end: () => Promise<void>;

  private constructor(directory: string, url: string, server: { pid: number; end: () => Promise<void> }) {
    this.directory = directory;
    this.pid = server.pid;
    this.url = url;
    this.end = server.end;
  }

  static async start(): Promise<TestDatabase> {
    const directory = await mkdtemp(join(process.env.QUANTADB_TEST_DIR ?? tmpdir(), 'api-'));
    const data = join(directory, 'data');
    const passwordFile = join(directory, 'password');
    mkdirSync(data, { mode: 0o700 });
    await writeFile(passwordFile, `${password}\n`);
    const ids = process.getuid?.() === 0 ? idsOf('postgres') : null;
    chmodSync(directory, 0o755);
    if (ids) for (const path of [data, passwordFile]) chownSync(path, ids.uid, ids.gid);
    const common = { stdio: 'ignore' as const, ...(ids ?? {}) };
    const initdb = [
      '-D',
      data,
      '-U',
      'quantadb',
      '--auth=scram-sha-256',
      `--pwfile=${passwordFile}`,
      '--no-sync',
    ];
    execFileSync(join(binDir, 'initdb'), initdb, common);
    const port = await freePort();
    const options = ['-c', 'fsync=off', '-c', 'listen_addresses=127.0.0.1', '-c', 'unix_socket_directories='];
    const server = spawn(join(binDir, 'postgres'), ['-D', data, '-p', String(port), ...options], common);
    const url = `postgres://quantadb:${encodeURIComponent(password)}@127.0.0.1:${port}/postgres`;
    await untilAnswers(url);
    const end = async () => {
      const exited = once(server, 'exit');
      server.kill('SIGINT');
      await exited;
    };
    return new TestDatabase(directory, url, { pid: server.pid ?? 0, end });
  }

  /** As somebody who has the database's own password. */
  async run(sql: string, values: unknown[] = []): Promise<unknown[]> {
    return (await this.ask(sql, values)).rows;
  }

  async ask(sql: string, values: unknown[] = []): Promise<pg.QueryResult<Record<string, unknown>>> {
    const client = new pg.Client({ connectionString: this.url });
    await client.connect();
    try {
      return await client.query(sql, values);
    } finally {
      await client.end();
    }
  }

  /** The whole server stands still, as on a host that is out of memory or whose disk hangs. */
  async standStill(forMs: number): Promise<void> {
    const { stdout } = spawnSync('pgrep', ['-P', String(this.pid)], { encoding: 'utf8' });
    const pids = [this.pid, ...stdout.split('\n').filter(Boolean).map(Number)];
    const all = (signal: NodeJS.Signals) => {
      // A session may have ended meanwhile.
      for (const pid of pids) if (existsSync(`/proc/${pid}`)) process.kill(pid, signal);
    };
    all('SIGSTOP');
    await delay(forMs);
    all('SIGCONT');
  }

  async stop(): Promise<void> {
    await this.end();
    await rm(this.directory, { recursive: true, force: true });
  }
}

/** Asks a console, whichever process it is. */
export class ConsoleClient {
  readonly url: string;

  constructor(url: string) {
    this.url = url;
  }

  /** One REST call; `as` is a session cookie or an API token. */
  async call(
    method: string,
    path: string,
    options: { as?: string; body?: unknown; headers?: Record<string, string> } = {},
  ) {
    const headers: Record<string, string> = { origin: this.url, ...options.headers };
    if (options.as?.startsWith('qdb_')) headers.authorization = `Bearer ${options.as}`;
    else if (options.as) headers.cookie = options.as;
    if (options.body !== undefined) headers['content-type'] = 'application/json';
    // Whoever sets a console up has read its log.
    const isSetup = method === 'POST' && path === '/api/v1/setup';
    const sent = isSetup ? { token: setupTokenOf(secret), ...(options.body as object) } : options.body;
    const body = sent === undefined ? {} : { body: JSON.stringify(sent) };
    const response = await fetch(`${this.url}${path}`, { method, headers, ...body });
    const text = await response.text();
    return {
      status: response.status,
      body: text === '' ? null : JSON.parse(text),
      headers: response.headers,
    };
  }

  async signIn(email: string, with_ = adminPassword, more: Record<string, string> = {}): Promise<string> {
    const { headers } = await this.call('POST', '/api/auth/sign-in/email', {
      body: { email, password: with_ },
      headers: more,
    });
    return headers
      .getSetCookie()
      .map((cookie) => cookie.split(';')[0])
      .join('; ');
  }
}

/** One console instance without its pages. */
export class TestConsole extends ConsoleClient {
  private readonly plane: ControlPlane;

  private constructor(url: string, plane: ControlPlane) {
    super(url);
    this.plane = plane;
  }

  static async start(
    database: TestDatabase,
    options: Partial<ControlPlaneConfig> = {},
    wantedPort?: number,
  ): Promise<TestConsole> {
    const port = wantedPort ?? (await freePort());
    const url = `http://127.0.0.1:${port}`;
    const server = createServer();
    const config = {
      databaseUrl: database.url,
      secret,
      publicUrl: url,
      requestsPerMinute: 100_000,
      readsPerMinute: 100_000,
      ...{ previousSecret: null, trustedProxies: null, oidc: null, metadataBackup: null, metricsToken: null },
      logger: silentLogger,
      ...options,
    };
    const plane = await ControlPlane.open(config, server);
    server.on('request', (request, response) => {
      if (!plane.handle(request, response)) response.writeHead(404).end();
    });
    await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
    return new TestConsole(url, plane);
  }

  async close(): Promise<void> {
    await this.plane.close();
  }
}

async function untilAnswers(url: string): Promise<void> {
  const answers = async () => {
    const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 1000 });
    client.on('error', () => undefined);
    try {
      await client.connect();
      await client.end();
      return true;
    } catch {
      return undefined;
    }
  };
  await pollUntil(answers, { what: 'the metadata database answers', timeoutMs: 30_000, intervalMs: 100 });
}

function idsOf(user: string): { uid: number; gid: number } {
  const id = (flag: string) => Number(execFileSync('id', [flag, user]).toString());
  return { uid: id('-u'), gid: id('-g') };
}
