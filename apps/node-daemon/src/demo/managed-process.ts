import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { open, rename, stat } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { messageOf } from '@quantadb/engine/shared/errors';

export interface ManagedProcessOptions {
  name: string;
  file: string;
  args: string[];
  env?: NodeJS.ProcessEnv;
  /** Whom it runs as when we are root. */
  osUser?: { uid: number; gid: number } | null;
  /** How it is asked to end: PostgreSQL's SIGTERM would wait for every session. */
  endSignal?: 'SIGTERM' | 'SIGINT';
  logFile: string;
  /** How long a process that ended on its own stays down: long enough that a kill shows a failover. */
  restartAfterMs: number;
  /** One line for the person: it ended by itself, or could not be started again. */
  onTrouble(line: string): void;
}

const logBytesMax = 32 * 1024 * 1024;
const killGraceMs = 5000;

/** A child of the local system's supervisor: started, started again when it ends by itself, ended on request. */
export class ManagedProcess {
  private readonly options: ManagedProcessOptions;
  private child: ChildProcess | null = null;
  private restart: NodeJS.Timeout | null = null;
  private restarting: Promise<void> | null = null;
  private isEnding = false;

  constructor(options: ManagedProcessOptions) {
    this.options = options;
  }

  get isRunning(): boolean {
    return this.child !== null;
  }

  /** @throws when its log cannot be written or the program cannot be started */
  async start(): Promise<void> {
    const { file, args, env, osUser, logFile } = this.options;
    await rotate(logFile);
    const log = await open(logFile, 'a');
    try {
      // A session of its own: Ctrl-C in the terminal must reach the supervisor only, which ends things in order.
      const child = spawn(file, args, {
        stdio: ['ignore', log.fd, log.fd],
        detached: true,
        ...(env ? { env } : {}),
        ...(osUser ? { uid: osUser.uid, gid: osUser.gid } : {}),
      });
      await once(child, 'spawn');
      this.child = child;
      child.once('exit', () => this.ended(child));
      if (child.exitCode !== null || child.signalCode !== null) this.ended(child);
    } finally {
      await log.close();
    }
  }

  /** Asks, and insists with SIGKILL. What it leaves behind on purpose (PostgreSQL) is not ours to end. */
  async end(graceMs = killGraceMs): Promise<void> {
    await this.prepareEnd();
    const { child } = this;
    if (!child) return;
    child.kill(this.options.endSignal ?? 'SIGTERM');
    if (await this.waitForEnd(graceMs)) return;
    child.kill('SIGKILL');
    await this.waitForEnd(killGraceMs);
  }

  /** From now on its end is expected. A restart that has begun is waited for, so that nothing starts afterwards. */
  async prepareEnd(): Promise<void> {
    this.isEnding = true;
    if (this.restart) clearTimeout(this.restart);
    await this.restarting;
  }

  /** @returns whether it has ended within the time */
  async waitForEnd(timeoutMs: number): Promise<boolean> {
    const { child } = this;
    if (!child) return true;
    await Promise.race([once(child, 'exit'), delay(timeoutMs, undefined, { ref: false })]);
    return this.child !== child;
  }

  private ended(child: ChildProcess): void {
    if (this.child !== child) return;
    this.child = null;
    if (this.isEnding) return;
    const { name, restartAfterMs, onTrouble } = this.options;
    // It ended by itself and in order: whoever asked for that waits for its successor.
    const afterMs = child.exitCode === 0 ? 0 : restartAfterMs;
    if (afterMs > 0) onTrouble(`The daemon of ${name} has ended; it starts again in ${afterMs / 1000} s.`);
    this.restartLater(afterMs);
  }

  private restartLater(afterMs = this.options.restartAfterMs): void {
    this.restart = setTimeout(() => {
      this.restarting = this.startAgain();
    }, afterMs);
  }

  private async startAgain(): Promise<void> {
    try {
      await this.start();
    } catch (error) {
      this.options.onTrouble(`The daemon of ${this.options.name} does not start: ${messageOf(error)}`);
      if (!this.isEnding) this.restartLater();
    }
  }
}

async function rotate(path: string): Promise<void> {
  const size = await stat(path).then(
    (found) => found.size,
    () => 0,
  );
  if (size > logBytesMax) await rename(path, `${path}.1`);
}
