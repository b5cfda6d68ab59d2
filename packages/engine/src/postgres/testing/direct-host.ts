import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { open, readdir, readFile } from 'node:fs/promises';
import { pollUntil } from '../../shared/deadline.ts';
import type {
  PostmasterExit,
  PostmasterHost,
  PostmasterSignal,
  PostmasterStart,
} from '../postmaster-host.ts';

/** Starts the postmaster as a child of the test itself, where production has the reaper. */
export class DirectPostmasterHost implements PostmasterHost {
  private child: ChildProcess | null = null;
  private readonly listeners = new Set<(exit: PostmasterExit) => void>();

  async start(start: PostmasterStart): Promise<{ pid: number }> {
    const log = await open(start.logFile, 'a');
    const child = spawn(start.file, start.args, {
      cwd: start.cwd,
      env: start.env,
      stdio: ['ignore', log.fd, log.fd],
      ...(start.osUser ? { uid: start.osUser.uid, gid: start.osUser.gid } : {}),
    });
    await once(child, 'spawn');
    await log.close();
    this.child = child;
    child.once('exit', (code, signal) => {
      if (this.child === child) this.child = null;
      for (const listener of this.listeners) listener({ code, signal });
    });
    return { pid: child.pid ?? 0 };
  }

  async signal(signal: PostmasterSignal): Promise<void> {
    this.child?.kill(signal);
  }

  async status(): Promise<{ postmaster: { pid: number } | null }> {
    return { postmaster: this.child?.pid === undefined ? null : { pid: this.child.pid } };
  }

  onExit(listener: (exit: PostmasterExit) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Stops the postmaster first, so that it starts nobody while its children are killed (reference, row 3). */
  async kill(_why: string): Promise<void> {
    const pid = this.child?.pid;
    if (pid === undefined) return;
    process.kill(pid, 'SIGSTOP');
    const children = await childrenOf(pid);
    for (const child of children) sendKill(child);
    sendKill(pid);
    const areGone = async () => {
      const left = await Promise.all(children.map((child) => isRunning(child)));
      return this.child === null && !left.includes(true) ? true : undefined;
    };
    await pollUntil(areGone, { what: 'the end of every process', timeoutMs: 20_000, intervalMs: 10 });
  }
}

async function childrenOf(parent: number): Promise<number[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  const fields = await Promise.all(pids.map(async (pid) => ({ pid, fields: await statFields(pid) })));
  return fields.filter((each) => each.fields?.[1] === String(parent)).map((each) => each.pid);
}

async function isRunning(pid: number): Promise<boolean> {
  const state = (await statFields(pid))?.[0];
  return state !== undefined && state !== 'Z';
}

async function statFields(pid: number): Promise<string[] | null> {
  try {
    const text = await readFile(`/proc/${pid}/stat`, 'utf8');
    return text.slice(text.lastIndexOf(')') + 2).split(' ');
  } catch {
    return null;
  }
}

function sendKill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
