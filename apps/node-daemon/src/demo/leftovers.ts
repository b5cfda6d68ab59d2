import { readdir, readFile, readlink, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { pollUntil } from '@quantadb/engine/shared/deadline';

const leaveDeadlineMs = 10_000;
const killDeadlineMs = 5000;
const pollMs = 50;

/** The daemons that were started with this host configuration, whether they still answer or not. */
export async function daemonsOf(configFile: string): Promise<number[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  const commands = await Promise.all(pids.map(async (pid) => ({ pid, words: await wordsOf(pid) })));
  return commands
    .filter(({ words }) => words.at(-1) === configFile && words.at(-2)?.endsWith('/main.js'))
    .map(({ pid }) => pid);
}

/** The PostgreSQL server of a data directory, as its pid file and the process itself agree on it; null without one. */
export async function postmasterOf(dataDir: string): Promise<number | null> {
  const text = await readFile(join(dataDir, 'postmaster.pid'), 'utf8').catch(() => '');
  const pid = Number.parseInt(text, 10);
  if (!Number.isInteger(pid) || pid <= 1) return null;
  const isServer = (await wordsOf(pid))[0]?.endsWith('/postgres') ?? false;
  const directory = await readlink(`/proc/${pid}/cwd`).catch(() => null);
  const expected = await realpath(dataDir).catch(() => dataDir);
  return isServer && (directory === null || directory === expected) ? pid : null;
}

/** Processes that have `word` among their arguments. */
export async function processesWith(word: string): Promise<number[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  const found = await Promise.all(
    pids.map(async (pid) => ((await wordsOf(pid)).includes(word) ? pid : null)),
  );
  return found.filter((pid): pid is number => pid !== null && pid !== process.pid);
}

/**
 * Ends a process and insists with SIGKILL.
 *
 * @param signal SIGTERM lets a daemon leave PostgreSQL running; SIGINT ends a PostgreSQL that still has sessions
 */
export async function endProcess(pid: number, signal: 'SIGTERM' | 'SIGINT' = 'SIGTERM'): Promise<void> {
  send(pid, signal);
  const gone = async () => (await isGone(pid)) || undefined;
  const wait = (timeoutMs: number) =>
    pollUntil(gone, { what: `process ${pid} has ended`, timeoutMs, intervalMs: pollMs });
  await wait(leaveDeadlineMs).catch(() => {
    send(pid, 'SIGKILL');
    return wait(killDeadlineMs);
  });
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

async function isGone(pid: number): Promise<boolean> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => null);
  return stat === null || stat.slice(stat.lastIndexOf(')') + 2).startsWith('Z');
}

async function wordsOf(pid: number): Promise<string[]> {
  const text = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
  return text.split('\0').filter(Boolean);
}
