import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, open, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { SystemStatus } from '@quantadb/engine/contract/status';
import { pollUntil, withDeadline } from '@quantadb/engine/shared/deadline';
import { QuantaError } from '@quantadb/engine/shared/errors';
import { demoPaths } from '../demo/layout.ts';
import { LocalSystem } from '../demo/local-system.ts';
import { acquireLock, livingHolder } from '../preflight/lock.ts';
import { type Prepared, runPreflight } from '../preflight/run-preflight.ts';
import { statusText } from './format.ts';
import { homeOf, Target, type TargetOptions } from './target.ts';

export interface UpOptions extends TargetOptions {
  untested: boolean;
  say(line: string): void;
}

/** PostgreSQL's user passes through what is made, whatever the caller's umask; secrets have modes of their own. */
const sharedUmask = 0o022;
/** The waits of a first start together. */
const upDeadlineMs = 900_000;
/** A primary and then the others take up to a minute each when they must be killed. */
const downDeadlineMs = 180_000;
/** What is printed at the end of a start carries the application's password. */
const logMode = 0o600;
const logLinesShown = 8;
const upMessage = 'up';

/** Runs the local system in the foreground until SIGINT, SIGTERM or SIGHUP. @returns the exit code */
export async function upInForeground(options: UpOptions): Promise<number> {
  const { say } = options;
  process.umask(sharedUmask);
  const home = await homeOf(options);
  if (home.note) say(home.note);
  const stop = stopSignal();
  const prepared = await preflight(home.path, options);
  const lock = await acquireLock(demoPaths(home.path).lock);
  try {
    if (lock.note) say(lock.note);
    say(`PostgreSQL ${prepared.version}; data in ${home.path}`);
    await runUntil(stop, { ...options, home: home.path, prepared });
  } finally {
    await lock.release();
  }
  return 0;
}

async function runUntil(
  stop: AbortSignal,
  options: UpOptions & { home: string; prepared: Prepared },
): Promise<void> {
  const { home, prepared, say } = options;
  const system = new LocalSystem({ home, prepared, say, signal: stop });
  try {
    await system.start();
    const target = await Target.find(options);
    say(`\n${statusText(await target.status())}\n`);
    const { url, email, password } = system.login();
    say(`Console: ${url}  ${email}  ${password}\n`);
    say('Kill things and watch: npx quantadb status. Ctrl-C stops all of it; the data stays.');
    // `up` without --foreground waits for this; when it has gone away already, nobody needs to know.
    process.send?.(upMessage, () => undefined);
    await aborted(stop);
  } catch (error) {
    if (!stop.aborted) throw error;
  } finally {
    say('Stopping …');
    const isClean = await system.stop();
    say(isClean ? 'Stopped.' : 'Stopped, but not everything cleanly; see the logs.');
  }
}

/** Starts the local system in the background and returns how it is as soon as it is up. */
export async function upInBackground(options: UpOptions & { command: string[] }): Promise<SystemStatus> {
  const home = await homeOf(options);
  const holder = await livingHolder(demoPaths(home.path).lock);
  if (holder.isAlive) {
    options.say(`The local system runs already (pid ${holder.pid}).\n`);
    return (await Target.find(options)).status();
  }
  if (home.note) options.say(home.note);
  await preflight(home.path, options);
  process.umask(sharedUmask);
  await mkdir(home.path, { recursive: true });
  const logFile = join(home.path, 'system.log');
  const log = await open(logFile, 'a', logMode);
  await log.chmod(logMode);
  const { size: logStart } = await stat(logFile);
  const [file = process.execPath, ...args] = options.command;
  const child = spawn(file, args, { detached: true, stdio: ['ignore', log.fd, log.fd, 'ipc'] });
  await log.close();
  await withDeadline('the start of the local system', upDeadlineMs, () =>
    untilUp(child, { logFile, logStart }),
  );
  child.disconnect();
  child.unref();
  return (await Target.find(options)).status();
}

/** @throws QuantaError PREFLIGHT_FAILED with the last lines of its log when it ends first */
function untilUp(child: ChildProcess, log: { logFile: string; logStart: number }): Promise<void> {
  return new Promise((resolve, reject) => {
    child.once('message', () => resolve());
    child.once('error', reject);
    child.once('exit', async () => {
      const text = await readFile(log.logFile).catch(() => Buffer.alloc(0));
      const lines = text.subarray(log.logStart).toString('utf8').trim().split('\n').slice(-logLinesShown);
      const message = `the local system ended while it started:\n\n${lines.join('\n')}`;
      reject(new QuantaError('PREFLIGHT_FAILED', message, { hint: `All of it is in ${log.logFile}.` }));
    });
  });
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

/** Also a terminal that is closed stops everything in order; what is written to it meanwhile goes nowhere. */
function stopSignal(): AbortSignal {
  const stop = new AbortController();
  const heard = (signal: NodeJS.Signals) => {
    if (stop.signal.aborted && signal === 'SIGINT') {
      process.stderr.write('Still stopping; PostgreSQL is being shut down cleanly.\n');
    }
    stop.abort();
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, heard);
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);
  return stop.signal;
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
