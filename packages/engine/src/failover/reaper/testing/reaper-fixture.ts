import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { chmod, chown, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import pg from 'pg';
import type { OsUser, PostmasterStart } from '../../../postgres/postmaster-host.ts';
import { pollUntil } from '../../../shared/deadline.ts';
import { silentLogger } from '../../../shared/logger.ts';
import { ReaperClient, type ReaperOptions } from '../client.ts';
import { sendSignal } from '../kill.ts';
import { killOrphans } from '../orphans.ts';
import { isAlive, type ProcessInfo, readProcesses, readStat, strays } from '../process-tree.ts';
import type { DaemonProcessArguments, DaemonProcessReady } from './daemon-process.ts';

const run = promisify(execFile);
const binDir = '/usr/lib/postgresql/15/bin';
const waitMs = 30_000;

/** One database system with its reaper; `cleanUp` ends and removes all of it, whatever state it is in. */
export class ReaperFixture {
  readonly directory: string;
  readonly osUser: OsUser | null;
  private readonly sessions: pg.Client[] = [];
  private readonly children: ChildProcess[] = [];
  private readonly clients: ReaperClient[] = [];

  private constructor(directory: string, osUser: OsUser | null) {
    this.directory = directory;
    this.osUser = osUser;
  }

  static async create(): Promise<ReaperFixture> {
    const directory = await mkdtemp(join(process.env.QUANTADB_TEST_DIR ?? '/tmp', 'qreap-'));
    const fixture = new ReaperFixture(directory, await findOsUser());
    await chmod(directory, 0o755);
    await fixture.initialise();
    return fixture;
  }

  get dataDir(): string {
    return join(this.directory, 'data');
  }

  get reaper(): ReaperOptions {
    return {
      socketPath: join(this.directory, 'reaper.sock'),
      mark: `test:${this.dataDir}`,
      dataDir: this.dataDir,
      logFile: join(this.directory, 'reaper.log'),
      killAheadMs: 500,
      logger: silentLogger,
    };
  }

  get postmaster(): PostmasterStart {
    return {
      file: join(binDir, 'postgres'),
      args: ['-D', this.dataDir, '-k', this.dataDir, '-c', 'listen_addresses='],
      env: { LC_ALL: 'C', PATH: '/usr/bin:/bin' },
      cwd: this.dataDir,
      osUser: this.osUser,
      logFile: join(this.directory, 'postgres.log'),
    };
  }

  async connect(): Promise<ReaperClient> {
    const client = await ReaperClient.connectOrSpawn(this.reaper);
    this.clients.push(client);
    return client;
  }

  /** A started PostgreSQL that answers. */
  async started(): Promise<{ client: ReaperClient; pid: number }> {
    const client = await this.connect();
    const { pid } = await client.start(this.postmaster);
    await this.query('SELECT 1');
    return { client, pid };
  }

  async startedWithoutReaper(): Promise<{ pid: number }> {
    const { file, args, cwd, env, osUser } = this.postmaster;
    const user = osUser ? { uid: osUser.uid, gid: osUser.gid } : {};
    const child = this.track(spawn(file, args, { cwd, env, stdio: 'ignore', ...user }));
    await this.query('SELECT 1');
    return { pid: child.pid ?? 0 };
  }

  /** A daemon of its own process, renewing all the time. */
  async daemon(leaseMs: number): Promise<DaemonProcessReady & { process: ChildProcess }> {
    const { logger: _, ...reaper } = this.reaper;
    const given: DaemonProcessArguments = { reaper, start: this.postmaster, leaseMs };
    const child = spawn(process.execPath, [daemonProgram(), JSON.stringify(given)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    this.children.push(child);
    const [line] = await once(createInterface(child.stdout), 'line', { signal: AbortSignal.timeout(waitMs) });
    return { ...(JSON.parse(line as string) as DaemonProcessReady), process: child };
  }

  /** A session that stays; waits for a server that is still starting. */
  async session(): Promise<pg.Client> {
    return pollUntil(
      async () => {
        const session = new pg.Client({ host: this.dataDir, user: 'postgres', database: 'postgres' });
        session.on('error', () => undefined);
        try {
          await session.connect();
        } catch {
          return undefined;
        }
        this.sessions.push(session);
        return session;
      },
      { what: 'PostgreSQL answers', timeoutMs: waitMs, intervalMs: 25 },
    );
  }

  async query(text: string): Promise<Record<string, unknown>[]> {
    const session = await this.session();
    return (await session.query(text)).rows;
  }

  /** Runs the statement in `count` sessions of their own and answers when all of them are at it. */
  async busy(count: number, statement: string): Promise<void> {
    for (let index = 0; index < count; index += 1) {
      const session = await this.session();
      session.query(statement).catch(() => undefined);
    }
    const text = `SELECT count(*)::int AS n FROM pg_stat_activity WHERE query = $$${statement}$$ AND state = 'active'`;
    const session = await this.session();
    const areBusy = async () => ((await session.query(text)).rows[0]?.n === count ? true : undefined);
    await pollUntil(areBusy, { what: `${count} busy backends`, timeoutMs: waitMs, intervalMs: 20 });
  }

  /** Everything alive that belongs to this PostgreSQL. */
  living(): ProcessInfo[] {
    return strays(readProcesses(this.reaper.mark), { dataDir: this.dataDir, ownPid: process.pid });
  }

  async untilNothingLives(): Promise<void> {
    await pollUntil(async () => (this.living().length === 0 ? true : undefined), {
      what: 'every process is dead',
      timeoutMs: waitMs,
      intervalMs: 20,
    });
  }

  async untilDead(pid: number): Promise<void> {
    const isDead = async () => {
      const stat = readStat(pid);
      return stat === null || !isAlive(stat) ? true : undefined;
    };
    await pollUntil(isDead, { what: `process ${pid} is dead`, timeoutMs: waitMs, intervalMs: 10 });
  }

  /** What `killOrphans` says in a process that may not look into those of another user. */
  async killOrphansUnseeing(): Promise<string> {
    const program = `
      import { killOrphans } from ${JSON.stringify(compiledUrl('../orphans.js'))};
      killOrphans(JSON.parse(process.argv[1])).then((answer) => JSON.stringify(answer), (error) => error.code)
        .then(console.log);`;
    const { mark, dataDir } = this.reaper;
    const node = [process.execPath, '--input-type=module', '-e', program];
    const given = JSON.stringify({ mark, dataDir, timeoutMs: 100 });
    const { stdout } = await run('setpriv', ['--bounding-set', '-sys_ptrace', '--', ...node, given]);
    return stdout.trim();
  }

  /** Any process that is to be ended with this fixture. */
  track(child: ChildProcess): ChildProcess {
    this.children.push(child);
    return child;
  }

  async cleanUp(): Promise<void> {
    for (const child of this.children) child.kill('SIGKILL');
    for (const client of this.clients) client.close();
    for (const each of readProcesses('')) if (this.isReaper(each.pid)) sendSignal(each, 'SIGKILL');
    await killOrphans({ ...this.reaper, timeoutMs: waitMs });
    await Promise.all(this.sessions.map((session) => session.end().catch(() => undefined)));
    await rm(this.directory, { recursive: true, force: true });
  }

  private isReaper(pid: number): boolean {
    const text = commandLineOf(pid);
    return text.includes('/reaper/main.js') && text.includes(this.directory);
  }

  private async initialise(): Promise<void> {
    const { osUser, dataDir } = this;
    await mkdir(dataDir, { mode: 0o700 });
    if (osUser) await chown(dataDir, osUser.uid, osUser.gid);
    const args = ['-D', dataDir, '-U', 'postgres', '--auth=trust', '--no-sync', '--locale=C', '-E', 'UTF8'];
    const user = osUser ? { uid: osUser.uid, gid: osUser.gid } : {};
    await run(join(binDir, 'initdb'), args, { cwd: '/', timeout: 120_000, ...user });
  }
}

function commandLineOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return '';
  }
}

function daemonProgram(): string {
  return fileURLToPath(compiledUrl('./daemon-process.js'));
}

/** What runs as a program of its own is the compiled code. */
function compiledUrl(path: string): string {
  return new URL(path, import.meta.url.replace('/src/', '/dist/')).href;
}

/** PostgreSQL refuses to run as root, so root lends it the packaged user. */
async function findOsUser(): Promise<OsUser | null> {
  if (process.getuid?.() !== 0) return null;
  const ids = await Promise.all(['-u', '-g'].map((option) => run('id', [option, 'postgres'])));
  const [uid = 0, gid = 0] = ids.map((each) => Number(each.stdout.trim()));
  return { uid, gid, name: 'postgres' };
}
