import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import pg from 'pg';

const run = promisify(execFile);
const command = fileURLToPath(new URL('../../apps/node-daemon/bin/quantadb.mjs', import.meta.url));
const upDeadlineMs = 180_000;
/** Of the ports, from the first one on (README). */
const metadataOffset = 9;

interface Node {
  name: string;
  role: string;
  state: string;
  postgres: string;
  pids: { daemon: number | null; reaper: number | null; postgres: number | null };
}

interface Status {
  console: string;
  clusters: { primary: string | null; connect: string; nodes: Node[] }[];
}

/** The whole of `npm start`, in a directory and on ports of its own. */
export class LocalSystem {
  readonly url: string;
  readonly admin: { email: string; password: string };
  /** What another console needs to go on with its metadata. */
  readonly metadata: { databaseUrl: string; secret: string };
  private readonly home: string;
  private readonly environment: NodeJS.ProcessEnv;
  private token: string | undefined;

  private constructor(parts: {
    url: string;
    admin: { email: string; password: string };
    metadata: { databaseUrl: string; secret: string };
    home: string;
    environment: NodeJS.ProcessEnv;
  }) {
    this.url = parts.url;
    this.admin = parts.admin;
    this.metadata = parts.metadata;
    this.home = parts.home;
    this.environment = parts.environment;
  }

  /** @param settings of the console, beside those that it has */
  static async start(settings: Record<string, string> = {}): Promise<LocalSystem> {
    const home = await mkdtemp(join(process.env.QUANTADB_TEST_DIR ?? tmpdir(), 'e2e-'));
    await chmod(home, 0o755);
    const base = await freeBase();
    const places = { QUANTADB_HOME: home, QUANTADB_PORT_BASE: String(base) };
    const environment = { ...process.env, ...settings, ...places };
    await run(process.execPath, [command, 'up'], { env: environment, timeout: upDeadlineMs });
    const secrets = JSON.parse(await readFile(join(home, 'secrets.json'), 'utf8'));
    const { password } = secrets.metadata;
    return new LocalSystem({
      url: `http://127.0.0.1:${base}`,
      admin: secrets.console.admin,
      metadata: {
        databaseUrl: `postgres://quantadb:${password}@127.0.0.1:${base + metadataOffset}/postgres`,
        secret: secrets.console.secret,
      },
      home,
      environment,
    });
  }

  async stop(): Promise<void> {
    await run(process.execPath, [command, 'down'], { env: this.environment, timeout: upDeadlineMs });
    await rm(this.home, { recursive: true, force: true });
  }

  async status(): Promise<Status> {
    const { stdout } = await run(process.execPath, [command, 'status', '--json'], { env: this.environment });
    return JSON.parse(stdout);
  }

  /** A directory that PostgreSQL may write into. */
  async directoryForPostgres(name: string): Promise<string> {
    const path = join(this.home, name);
    const owner = process.getuid?.() === 0 ? ['-o', 'postgres', '-g', 'postgres'] : [];
    await run('install', ['-d', ...owner, path]);
    return path;
  }

  /** What a command of `quantadb` prints. */
  async command(args: string[]): Promise<string> {
    return (await run(process.execPath, [command, ...args], { env: this.environment })).stdout;
  }

  /** A command that goes on until it is ended. */
  spawn(args: string[]): ChildProcess {
    return spawn(process.execPath, [command, ...args], { env: this.environment, stdio: 'ignore' });
  }

  /** A request to the console's API, as an administrator. */
  async api(method: 'GET' | 'POST' | 'DELETE', path: string, body?: unknown): Promise<unknown> {
    this.token ??= (await this.command(['token', 'create', 'e2e', '--role', 'admin'])).trim();
    const headers = { authorization: `Bearer ${this.token}`, 'content-type': 'application/json' };
    const sent = body === undefined ? {} : { body: JSON.stringify(body) };
    const response = await fetch(`${this.url}/api/v1${path}`, { method, headers, ...sent });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return JSON.parse(text);
  }

  /** SIGKILL of the console; it is started again after two seconds. */
  async killConsole(): Promise<void> {
    await this.signalConsole('SIGKILL');
  }

  async signalConsole(signal: NodeJS.Signals): Promise<void> {
    const mark = join(this.home, 'console');
    const { stdout } = await run('pgrep', ['-f', `server[.]js ${mark}$`]);
    const pids = stdout.split('\n').filter(Boolean).map(Number);
    if (pids.length !== 1) throw new Error(`${pids.length} consoles run`);
    for (const pid of pids) process.kill(pid, signal);
  }

  /** The console, its database and both of their directories are gone, as with their machine; nobody starts them again. */
  async loseControlPlane(): Promise<{ recover(): void }> {
    const { pid } = JSON.parse(await readFile(join(this.home, 'lock'), 'utf8')) as { pid: number };
    const [postmaster = ''] = (await readFile(join(this.home, 'metadata/data/postmaster.pid'), 'utf8')).split(
      '\n',
    );
    process.kill(pid, 'SIGSTOP');
    await this.killConsole();
    process.kill(Number(postmaster), 'SIGKILL');
    for (const name of ['metadata', 'console'])
      await rm(join(this.home, name), { recursive: true, force: true, maxRetries: 5 });
    return { recover: () => process.kill(pid, 'SIGCONT') };
  }

  async nodes(): Promise<Node[]> {
    return (await this.status()).clusters[0]?.nodes ?? [];
  }

  async node(name: string): Promise<Node> {
    const node = (await this.nodes()).find((each) => each.name === name);
    if (!node) throw new Error(`no node ${name}`);
    return node;
  }

  async primary(): Promise<Node> {
    const node = (await this.nodes()).find((each) => each.role === 'primary');
    if (!node) throw new Error('no primary');
    return node;
  }

  /** SIGKILL of everything that belongs to a node. */
  async killNode(name: string): Promise<void> {
    const { daemon, reaper, postgres } = (await this.node(name)).pids;
    for (const pid of [daemon, reaper, postgres]) if (pid) process.kill(pid, 'SIGKILL');
  }

  /** Asks a server on a socket of this machine, as its superuser. */
  async askSocket(socket: { host: string; port: number; user: string }, text: string): Promise<unknown[]> {
    const client = new pg.Client({ ...socket, database: 'app' });
    client.on('error', () => undefined);
    await client.connect();
    const { rows } = await client.query(text);
    await client.end();
    return rows;
  }

  async sql(text: string): Promise<void> {
    const client = new pg.Client({ connectionString: (await this.primary()).postgres });
    client.on('error', () => undefined);
    await client.connect();
    await client.query(text);
    await client.end();
  }

  /** A setting as a new session on a node gets it. */
  async setting(node: string, name: string): Promise<string> {
    const client = new pg.Client({ connectionString: (await this.node(node)).postgres });
    client.on('error', () => undefined);
    await client.connect();
    const { rows } = await client.query<{ value: string }>('SELECT current_setting($1) AS value', [name]);
    await client.end();
    return rows[0]?.value ?? '';
  }

  /** Stops or continues a server with all of its processes, as a hung host would. */
  async signalServer(name: string, signal: 'SIGSTOP' | 'SIGCONT'): Promise<void> {
    const { postgres } = (await this.node(name)).pids;
    if (!postgres) throw new Error(`${name} runs no PostgreSQL`);
    const { stdout } = await run('pgrep', ['-P', String(postgres)]).catch(() => ({ stdout: '' }));
    for (const pid of [postgres, ...stdout.split('\n').filter(Boolean).map(Number)])
      process.kill(pid, signal);
  }
}

/** A number from which the next forty ports are free. */
async function freeBase(): Promise<number> {
  for (let attempt = 0; attempt < 50; attempt += 1) {
    const base = 20_000 + Math.floor(Math.random() * 300) * 40;
    const ports = Array.from({ length: 35 }, (_, offset) => base + offset);
    if ((await Promise.all(ports.map(isFree))).every(Boolean)) return base;
  }
  throw new Error('no forty free ports in a row');
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => server.close(() => resolve(true)));
  });
}
