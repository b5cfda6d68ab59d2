import { spawn } from 'node:child_process';
import { mkdir, open } from 'node:fs/promises';
import { join } from 'node:path';
import { pollUntil } from '@quantadb/engine/shared/deadline';
import { QuantaError } from '@quantadb/engine/shared/errors';
import { bringUp } from '../demo/bring-up.ts';
import { install } from '../demo/installation.ts';
import { demoPaths } from '../demo/layout.ts';
import { DemoSupervisor } from '../demo/supervisor.ts';
import { acquireLock, livingHolder } from '../preflight/lock.ts';
import { type Prepared, runPreflight } from '../preflight/run-preflight.ts';
import { statusText } from './format.ts';
import { homeOf, Target, type TargetOptions } from './target.ts';

export interface UpOptions extends TargetOptions {
  untested: boolean;
  say(line: string): void;
}

const sharedUmask = 0o022;
const upDeadlineMs = 240_000;
const downDeadlineMs = 120_000;

/** Runs the local system in the foreground until SIGINT or SIGTERM. @returns the exit code */
export async function upInForeground(options: UpOptions): Promise<number> {
  const { say } = options;
  // PostgreSQL's user passes through what is made here, whatever the caller's umask; secrets have modes of their own.
  process.umask(sharedUmask);
  const home = await homeOf(options);
  if (home.note) say(home.note);
  const stopRequested = nextSignal();
  const { binDir, version, ports, osUser } = await preflight(home.path, options);
  const lock = await acquireLock(demoPaths(home.path).lock);
  if (lock.note) say(lock.note);
  try {
    say(`PostgreSQL ${version}; data in ${home.path}`);
    const { system, secrets } = await install({ home: home.path, ports, binDir, osUser, logLevel: 'info' });
    const supervisor = new DemoSupervisor({ home: home.path, system, say });
    await supervisor.start();
    try {
      const up = bringUp({ system, secrets, client: (name) => supervisor.client(name), say });
      const first = await Promise.race([
        up.then(() => 'up' as const),
        stopRequested.then(() => 'stop' as const),
      ]);
      up.catch(() => undefined);
      if (first === 'up') {
        const target = await Target.find(options);
        say(`\n${statusText(await target.status())}\n`);
        say('Kill things and watch: npx quantadb status. Ctrl-C stops all of it; the data stays.');
        await stopRequested;
      }
    } finally {
      say('Stopping …');
      const isClean = await supervisor.stop();
      say(isClean ? 'Stopped.' : 'Stopped, but something had to be killed; see the logs.');
    }
    return 0;
  } finally {
    await lock.release();
  }
}

/** Starts the local system in the background and returns when it is up. */
export async function upInBackground(options: UpOptions & { command: string[] }): Promise<void> {
  const home = await homeOf(options);
  const holder = await livingHolder(demoPaths(home.path).lock);
  if (holder.isAlive) {
    options.say(`The local system runs already (pid ${holder.pid}).\n`);
    options.say(statusText(await (await Target.find(options)).status()));
    return;
  }
  await preflight(home.path, options);
  process.umask(sharedUmask);
  await mkdir(home.path, { recursive: true, mode: 0o755 });
  const logFile = join(home.path, 'system.log');
  const log = await open(logFile, 'a');
  const [file = process.execPath, ...args] = options.command;
  const child = spawn(file, args, { detached: true, stdio: ['ignore', log.fd, log.fd] });
  let exitCode: number | null = null;
  child.once('exit', (code) => {
    exitCode = code ?? 1;
  });
  child.unref();
  await log.close();
  const isUp = async () => {
    if (exitCode !== null) {
      throw new QuantaError('PREFLIGHT_FAILED', 'the local system ended while it started', {
        hint: `See ${logFile}.`,
      });
    }
    const status = await Target.find(options)
      .then((target) => target.status())
      .catch(() => null);
    return status?.clusters.some((cluster) => cluster.health === 'healthy') ? status : undefined;
  };
  const status = await pollUntil(isUp, {
    what: `the local system is up (see ${logFile})`,
    timeoutMs: upDeadlineMs,
    intervalMs: 300,
  });
  options.say(statusText(status));
}

/** Stops the local system that runs in the home. @returns false when there was none */
export async function down(options: TargetOptions): Promise<boolean> {
  const home = await homeOf(options);
  const { lock } = demoPaths(home.path);
  const holder = await livingHolder(lock);
  if (!holder.isAlive || holder.pid === null) return false;
  process.kill(holder.pid, 'SIGTERM');
  const ended = async () => ((await livingHolder(lock)).isAlive ? undefined : true);
  await pollUntil(ended, {
    what: 'the local system has stopped',
    timeoutMs: downDeadlineMs,
    intervalMs: 100,
  });
  return true;
}

function preflight(home: string, options: UpOptions): Promise<Prepared> {
  return runPreflight({
    home,
    isRoot: process.getuid?.() === 0,
    binDir: process.env.QUANTADB_POSTGRES_BIN,
    portBase: process.env.QUANTADB_PORT_BASE,
    allowUntested: options.untested,
  });
}

function nextSignal(): Promise<void> {
  return new Promise((resolve) => {
    let count = 0;
    const heard = () => {
      count += 1;
      resolve();
      if (count === 2) process.stderr.write('Still stopping; PostgreSQL is being shut down cleanly.\n');
    };
    process.on('SIGINT', heard);
    process.on('SIGTERM', heard);
  });
}
