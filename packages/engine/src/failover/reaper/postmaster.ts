import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { canSetDeathSignal, withDeathSignal } from '../../postgres/death-signal.ts';
import type {
  OsUser,
  PostmasterExit,
  PostmasterSignal,
  PostmasterStart,
} from '../../postgres/postmaster-host.ts';
import { systemClock } from '../../shared/clock.ts';
import { messageOf, QuantaError } from '../../shared/errors.ts';
import { killPass, sendSignal } from './kill.ts';
import { type ProcessIdentity, readStat, realPathOf } from './process-tree.ts';
import { markVariable } from './protocol.ts';

export interface PostmasterOptions {
  mark: string;
  dataDir: string;
  log(message: string): void;
  /** The postmaster and everything it started are gone. */
  onExit(exit: PostmasterExit): void;
}

interface Running {
  child: ChildProcess;
  identity: ProcessIdentity;
  startedAtMs: number;
  dataDir: string;
  exit: PostmasterExit | null;
}

/** Clearing up until nothing lives; `endMs` bounds it after PostgreSQL's own end, a kill goes on for ever. */
interface Clearing {
  endMs: number | null;
  done: Promise<void>;
  passes: number;
  /** Everything it has found alive. */
  found: Map<number, ProcessIdentity>;
}

const betweenPassesMs = 10;
/** What does not die within this many passes waits for a disk: no hurry helps. */
const quickPasses = 200;
const betweenLatePassesMs = 250;
/** How long PostgreSQL's own end may be held back by a left-over process that does not die. */
const strayPatienceMs = 5_000;
const ptraceCapability = 19n;

/** PostgreSQL's parent: starts it, and ends it with everything below it. */
export class Postmaster {
  readonly pdeathsig = canSetDeathSignal();
  lastExit: PostmasterExit | null = null;
  strays: number[] = [];
  private readonly options: PostmasterOptions;
  private readonly reaperStartTime = readStat(process.pid)?.startTime ?? 0;
  private running: Running | null = null;
  private clearing: Clearing | null = null;
  private isStarting = false;

  constructor(options: PostmasterOptions) {
    this.options = options;
  }

  get current(): { pid: number; startedAtMs: number } | null {
    return this.running && { pid: this.running.identity.pid, startedAtMs: this.running.startedAtMs };
  }

  /** True from the moment a start is asked for until nothing of it is left. */
  get isBusy(): boolean {
    return this.isStarting || this.running !== null || this.clearing !== null;
  }

  get isClearing(): boolean {
    return this.clearing !== null;
  }

  /** @throws QuantaError REFUSED while there is one; POSTGRES_FAILED when the program cannot be executed */
  async start(start: PostmasterStart): Promise<{ pid: number; marksReadable: boolean }> {
    if (this.isBusy) throw new QuantaError('REFUSED', 'a postmaster runs already, or is being killed');
    this.isStarting = true;
    try {
      const child = await this.spawn(start);
      const stat = child.pid === undefined ? null : readStat(child.pid);
      if (!stat) throw new QuantaError('POSTGRES_FAILED', `${start.file} was gone at once`);
      this.strays = [];
      return { pid: stat.pid, marksReadable: canReadMarksOf(start.osUser) };
    } finally {
      this.isStarting = false;
    }
  }

  signal(signal: PostmasterSignal): void {
    if (this.running) sendSignal(this.running.identity, signal);
  }

  /** Begins at once, within this call; resolves when nothing is left. */
  kill(): Promise<void> {
    if (this.clearing) this.clearing.endMs = null;
    return (this.clearing ?? this.clear(null)).done;
  }

  private async spawn(start: PostmasterStart): Promise<ChildProcess> {
    const log = openSync(start.logFile, 'a', 0o600);
    try {
      const { file, args, ...user } = withDeathSignal(start);
      const child = spawn(file, args, {
        cwd: start.cwd,
        env: { ...start.env, [markVariable]: this.options.mark },
        stdio: ['ignore', log, log],
        ...user,
      });
      // Everything about it is noted before the event loop turns: a kill that is due now must find it.
      this.adopt(child);
      await once(child, 'spawn');
      return child;
    } catch (error) {
      throw new QuantaError('POSTGRES_FAILED', `${start.file} could not be started: ${messageOf(error)}`, {
        cause: error,
        hint: 'Look whether the PostgreSQL programs and the data directory are where the configuration says.',
      });
    } finally {
      closeSync(log);
    }
  }

  private adopt(child: ChildProcess): void {
    const stat = child.pid === undefined ? null : readStat(child.pid);
    if (!stat) return;
    const running: Running = {
      child,
      identity: { pid: stat.pid, startTime: stat.startTime },
      startedAtMs: systemClock.wallMs(),
      dataDir: realPathOf(this.options.dataDir),
      exit: null,
    };
    this.running = running;
    child.once('exit', (code, signal) => this.hasExited(running, { code, signal }));
  }

  /** The postmaster is gone, but what it started need not be: an archive command, a backend that ran through a crash. */
  private hasExited(running: Running, exit: PostmasterExit): void {
    running.exit = exit;
    if (this.clearing) return;
    const clearing = this.clear(systemClock.monotonicMs() + strayPatienceMs);
    void clearing.done.then(() => {
      this.strays = [...clearing.found.keys()];
      if (this.strays.length > 0) this.options.log(`outlived the postmaster: ${this.strays.join(', ')}`);
    });
  }

  private clear(endMs: number | null): Clearing {
    let finish: () => void = () => undefined;
    const done = new Promise<void>((resolve) => {
      finish = resolve;
    });
    const clearing: Clearing = { endMs, done, passes: 0, found: new Map() };
    this.clearing = clearing;
    this.clearOnce(clearing, finish);
    return clearing;
  }

  private clearOnce(clearing: Clearing, finish: () => void): void {
    if (this.isClear(clearing)) {
      this.clearing = null;
      const exit = this.running?.exit ?? null;
      this.running = null;
      finish();
      if (exit) this.lastExit = exit;
      if (exit) this.options.onExit(exit);
      return;
    }
    clearing.passes += 1;
    const pauseMs = clearing.passes < quickPasses ? betweenPassesMs : betweenLatePassesMs;
    setTimeout(() => this.clearOnce(clearing, finish), pauseMs);
  }

  private isClear(clearing: Clearing): boolean {
    const { running } = this;
    let left: ProcessIdentity[];
    try {
      left = killPass({
        mark: this.options.mark,
        postmaster: running?.identity ?? null,
        dataDir: running?.dataDir ?? null,
        ownPid: process.pid,
        sinceTime: this.reaperStartTime,
      });
    } catch (error) {
      this.options.log(`a pass of the kill failed and is repeated: ${messageOf(error)}`);
      return false;
    }
    for (const each of left) clearing.found.set(each.pid, each);
    const isLate = clearing.endMs !== null && systemClock.monotonicMs() >= clearing.endMs;
    const hasEnded = running === null || running.exit !== null;
    return hasEnded && !this.isStarting && (left.length === 0 || isLate);
  }
}

/** Environment and working directory of another user's process are open to CAP_SYS_PTRACE only (proc(5), ptrace(2)). */
function canReadMarksOf(osUser: OsUser | null): boolean {
  if (osUser === null || osUser.uid === process.getuid?.()) return true;
  const effective = /^CapEff:\s*([0-9a-f]+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0';
  return (BigInt(`0x${effective}`) & (1n << ptraceCapability)) !== 0n;
}
