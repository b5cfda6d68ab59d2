import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { open, rename, stat } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';

export interface ManagedProcessOptions {
  name: string;
  file: string;
  args: string[];
  env?: NodeJS.ProcessEnv;
  logFile: string;
  /** How long a process that ended on its own stays down: long enough that a kill shows a failover. */
  restartAfterMs: number;
  onEnded(name: string, restartAfterMs: number): void;
}

const logBytesMax = 32 * 1024 * 1024;
const killGraceMs = 5000;

/** A child of the local system's supervisor: started, started again when it ends by itself, ended on request. */
export class ManagedProcess {
  private readonly options: ManagedProcessOptions;
  private child: ChildProcess | null = null;
  private restart: NodeJS.Timeout | null = null;
  private isEnding = false;

  constructor(options: ManagedProcessOptions) {
    this.options = options;
  }

  get name(): string {
    return this.options.name;
  }

  get isRunning(): boolean {
    return this.child !== null;
  }

  async start(): Promise<void> {
    const { file, args, env, logFile } = this.options;
    await rotate(logFile);
    const log = await open(logFile, 'a');
    // A session of its own: Ctrl-C in the terminal must reach the supervisor only, which ends things in order.
    const child = spawn(file, args, {
      stdio: ['ignore', log.fd, log.fd],
      detached: true,
      ...(env ? { env } : {}),
    });
    this.child = child;
    child.once('exit', () => this.ended(child));
    child.once('error', () => this.ended(child));
    await log.close();
  }

  /** Asks with SIGTERM and insists with SIGKILL. What it leaves behind on purpose (PostgreSQL) is not ours to end. */
  async end(graceMs = killGraceMs): Promise<void> {
    this.prepareEnd();
    const { child } = this;
    if (!child) return;
    const exited = once(child, 'exit');
    child.kill('SIGTERM');
    await Promise.race([exited, delay(graceMs, undefined, { ref: false })]);
    if (this.child === child) {
      child.kill('SIGKILL');
      await Promise.race([exited, delay(killGraceMs, undefined, { ref: false })]);
    }
  }

  /** From now on its end is expected. */
  prepareEnd(): void {
    this.isEnding = true;
    if (this.restart) clearTimeout(this.restart);
  }

  async waitForEnd(deadlineMs: number): Promise<boolean> {
    const { child } = this;
    if (!child) return true;
    await Promise.race([once(child, 'exit'), delay(deadlineMs, undefined, { ref: false })]);
    return this.child !== child;
  }

  private ended(child: ChildProcess): void {
    if (this.child !== child) return;
    this.child = null;
    if (this.isEnding) return;
    const { name, restartAfterMs, onEnded } = this.options;
    onEnded(name, restartAfterMs);
    this.restart = setTimeout(() => void this.start(), restartAfterMs);
  }
}

async function rotate(path: string): Promise<void> {
  const size = await stat(path).then(
    (found) => found.size,
    () => 0,
  );
  if (size > logBytesMax) await rename(path, `${path}.1`);
}
