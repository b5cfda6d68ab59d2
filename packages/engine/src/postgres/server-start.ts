import { open, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { systemClock } from '../shared/clock.ts';
import { messageOf } from '../shared/errors.ts';
import { lastLines, toolEnvironment } from './command.ts';
import { classifyFailure, withFreshConnection } from './connection.ts';
import { filesOf, type NodePlace } from './layout.ts';
import type { PostmasterHost } from './postmaster-host.ts';
import { readProcess, workingDirectoryOf } from './processes.ts';

export type StartResult =
  | { ok: true; pid: number; tookMs: number }
  /** `exited`: it is dead, `detail` ends with its last words. `timeout`: it is alive, but still recovering. */
  | { ok: false; reason: 'already_running' | 'exited' | 'timeout' | 'refused'; detail: string };

export interface StartRequest {
  host: PostmasterHost;
  commandLine: string[];
  deadlineMs: number;
  signal?: AbortSignal | undefined;
  /** Called while the server still recovers, with its own words. */
  onWaiting?: ((detail: string) => void) | undefined;
}

/** Starts the postmaster and waits until it answers. The caller has written `standby.signal`. */
export async function startServer(place: NodePlace, request: StartRequest): Promise<StartResult> {
  const startMs = systemClock.monotonicMs();
  const owner = await clearStalePidFile(place);
  if (owner !== null) {
    const detail = `process ${owner} runs PostgreSQL on ${place.dataDir} already, and it is not ours`;
    return { ok: false, reason: 'already_running', detail };
  }
  const { logFile } = filesOf(place);
  const exit = watchExit(request.host);
  try {
    const { pid } = await request.host.start({
      file: join(place.binDir, 'postgres'),
      args: ['-D', place.dataDir, ...request.commandLine],
      env: toolEnvironment(),
      cwd: place.dataDir,
      osUser: place.osUser,
      logFile,
    });
    const waited = await waitUntilAnswering(place, request, exit);
    if (waited === null) return { ok: true, pid, tookMs: systemClock.monotonicMs() - startMs };
    if (waited.reason !== 'exited') return { ok: false, ...waited };
    return { ok: false, reason: 'exited', detail: `${waited.detail}\n${await readLogTail(logFile, 20)}` };
  } finally {
    exit.stop();
  }
}

interface ExitWatch {
  readonly words: string | null;
  stop(): void;
}

function watchExit(host: PostmasterHost): ExitWatch {
  const watch: { words: string | null; stop(): void } = { words: null, stop: () => undefined };
  watch.stop = host.onExit((exit) => {
    watch.words =
      exit.signal === null
        ? `PostgreSQL ended with code ${exit.code}`
        : `PostgreSQL was ended by ${exit.signal}`;
  });
  return watch;
}

async function waitUntilAnswering(
  place: NodePlace,
  request: StartRequest,
  exit: ExitWatch,
): Promise<{ reason: 'exited' | 'timeout'; detail: string } | null> {
  const endMs = systemClock.monotonicMs() + request.deadlineMs;
  for (;;) {
    request.signal?.throwIfAborted();
    if (exit.words !== null) return { reason: 'exited', detail: exit.words };
    const answer = await askWhetherReady(place);
    if (answer === null) return null;
    if (systemClock.monotonicMs() >= endMs) {
      // The exit may have been reported between the look above and this one.
      if (exit.words !== null) return { reason: 'exited', detail: exit.words };
      return { reason: 'timeout', detail: `not ready after ${request.deadlineMs} ms: ${answer}` };
    }
    request.onWaiting?.(answer);
    await delay(25, undefined, { signal: request.signal });
  }
}

/** Null when the server takes connections. One whose connections are all taken is ready too. */
async function askWhetherReady(place: NodePlace): Promise<string | null> {
  try {
    await withFreshConnection(place, { what: 'the first connection', timeoutMs: 2_000 }, (client) =>
      client.query('SELECT 1'),
    );
    return null;
  } catch (error) {
    return classifyFailure(error) === 'busy' ? null : messageOf(error);
  }
}

/**
 * Takes away the lock file of a server that is gone, even when its pid now belongs to somebody else or to a zombie:
 * PostgreSQL itself would refuse to start then. Answers the pid of a server that really runs here.
 */
export async function clearStalePidFile(place: Pick<NodePlace, 'dataDir'>): Promise<number | null> {
  const path = join(place.dataDir, 'postmaster.pid');
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
  const pid = Number.parseInt(text.split('\n')[0] ?? '', 10);
  if (Number.isInteger(pid) && pid > 0 && readProcess(pid) !== null) {
    if ((await workingDirectoryOf(pid)) === place.dataDir) return pid;
  }
  await rm(path, { force: true });
  return null;
}

/** The end of the server's log, for the reason of a failed start. */
export async function readLogTail(logFile: string, lines: number): Promise<string> {
  try {
    const file = await open(logFile, 'r');
    try {
      const { size } = await file.stat();
      const length = Math.min(size, 64 * 1024);
      const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, size - length);
      return lastLines(buffer.subarray(0, bytesRead).toString('utf8'), lines);
    } finally {
      await file.close();
    }
  } catch (error) {
    return `(its log cannot be read: ${messageOf(error)})`;
  }
}
