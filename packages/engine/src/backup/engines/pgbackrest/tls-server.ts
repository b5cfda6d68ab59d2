import { type ChildProcess, spawn } from 'node:child_process';
import { connect } from 'node:net';
import type { BackupServerView } from '../../../contract/backup-view.ts';
import { toolEnvironment } from '../../../postgres/command.ts';
import { withDeathSignal } from '../../../postgres/death-signal.ts';
import type { OsUser } from '../../../postgres/postmaster-host.ts';
import type { Cancel, Clock } from '../../../shared/clock.ts';
import type { Logger } from '../../../shared/logger.ts';

/** What the server is to be run with. */
export interface ServerRun {
  configFile: string;
  listen: { host: string; port: number };
}

export interface TlsServerOptions {
  program: string;
  osUser: OsUser | null;
  logger: Logger;
  clock: Clock;
}

const pauseMs = { first: 1000, longest: 60_000 };
/** One that has run so long began well: the next failure is a new one. */
const goodMs = 60_000;
const killAfterMs = 5_000;
const probeDeadlineMs = 1_000;
const saidBytesMax = 4_000;

/**
 * `pgbackrest server`, as PostgreSQL's OS user: started, started again when it ends, and ended with this process. What it
 * says is kept up to a bound; it writes no file.
 */
export class TlsServer {
  private readonly options: TlsServerOptions;
  private wanted: ServerRun | null = null;
  private child: ChildProcess | null = null;
  private startedMs = 0;
  private failures = 0;
  private said = '';
  private isUp = false;
  /** It was told to end. */
  private ending: ChildProcess | null = null;
  private cancelStart: Cancel = () => undefined;
  private cancelKill: Cancel = () => undefined;

  constructor(options: TlsServerOptions) {
    this.options = options;
  }

  /** The same place with another configuration is read anew; what others do through it goes on meanwhile. */
  use(run: ServerRun | null): void {
    const before = this.wanted;
    this.wanted = run;
    if (run && this.child && this.child !== this.ending && before && isSame(before, run)) {
      this.reload();
      return;
    }
    this.failures = 0;
    this.cancelStart();
    // What runs has to be gone before another one can listen at its place: its end begins the next.
    if (this.child) this.end(this.child);
    else if (run) this.start(run);
  }

  /** Of its configuration, and of the certificates that this names. */
  reload(): void {
    if (this.child && this.child !== this.ending) this.child.kill('SIGHUP');
  }

  describe(): BackupServerView | null {
    const { wanted } = this;
    if (!wanted) return null;
    const hasEnded = this.child === null;
    return {
      state: hasEnded ? 'failed' : this.isUp ? 'running' : 'starting',
      port: wanted.listen.port,
      detail: hasEnded ? lastWords(this.said) : '',
    };
  }

  /** Whether somebody listens at its place; what it said when it has ended is its answer. */
  async probe(): Promise<BackupServerView | null> {
    const { wanted, child } = this;
    const answers = wanted !== null && child !== null && (await listens(wanted.listen));
    if (this.child === child) this.isUp = answers;
    return this.describe();
  }

  stop(): void {
    this.use(null);
  }

  private start(run: ServerRun): void {
    const { program, osUser, clock, logger } = this.options;
    const command = { file: program, args: [`--config=${run.configFile}`, 'server'], osUser };
    const { file, args, ...user } = withDeathSignal(command);
    // What it does for others goes by the same configuration: they name none, and may not know where it is.
    const env = { ...toolEnvironment(), PGBACKREST_CONFIG: run.configFile };
    const child = spawn(file, args, { cwd: '/', env, stdio: ['ignore', 'ignore', 'pipe'], ...user });
    this.child = child;
    this.startedMs = clock.monotonicMs();
    this.said = '';
    this.isUp = false;
    child.stderr?.on('data', (chunk: Buffer) => {
      this.said = (this.said + chunk.toString('utf8')).slice(-saidBytesMax);
    });
    child.once('error', (error) => {
      this.said = error.message;
      if (child.pid === undefined) this.ended(child, false);
    });
    // Told to read anew before it was able to, it ends by that.
    child.once('exit', (_code, signal) => this.ended(child, this.ending === child || signal === 'SIGHUP'));
    logger.info({ port: run.listen.port }, 'the backup server begins');
  }

  private ended(child: ChildProcess, wasAsked: boolean): void {
    if (this.child !== child) return;
    const { clock, logger } = this.options;
    this.child = null;
    this.ending = null;
    this.isUp = false;
    this.cancelKill();
    const { wanted } = this;
    if (!wanted) return;
    const ranMs = clock.monotonicMs() - this.startedMs;
    this.failures = wasAsked || ranMs >= goodMs ? 0 : this.failures + 1;
    const againMs = wasAsked ? 0 : Math.min(pauseMs.longest, pauseMs.first * 2 ** (this.failures - 1));
    if (!wasAsked) logger.warn({ againMs, said: lastWords(this.said) }, 'the backup server has ended');
    this.cancelStart = clock.after(againMs, () => {
      if (this.child === null && this.wanted) this.start(this.wanted);
    });
  }

  private end(child: ChildProcess): void {
    this.ending = child;
    child.kill('SIGTERM');
    this.cancelKill();
    this.cancelKill = this.options.clock.after(killAfterMs, () => child.kill('SIGKILL'));
  }
}

function isSame(left: ServerRun, right: ServerRun): boolean {
  return (
    left.configFile === right.configFile &&
    left.listen.host === right.listen.host &&
    left.listen.port === right.listen.port
  );
}

function lastWords(said: string): string {
  const lines = said.split('\n').filter((line) => line.trim() !== '');
  return lines.slice(-3).join(' ').slice(-1000);
}

/** Whether somebody takes connections there; an address for every interface is dialled at this machine. */
export function listens(
  { host, port }: { host: string; port: number },
  timeoutMs = probeDeadlineMs,
): Promise<boolean> {
  const dialled = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host;
  return new Promise((resolve) => {
    const socket = connect({ host: dialled, port, timeout: timeoutMs });
    const answer = (isUp: boolean) => {
      socket.destroy();
      resolve(isUp);
    };
    socket.once('connect', () => answer(true));
    socket.once('error', () => answer(false));
    socket.once('timeout', () => answer(false));
  });
}
