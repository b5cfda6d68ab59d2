// A directory of a benchmark's own below the system's temporary one. A run that was killed leaves it, and perhaps
// processes in it; the next run of any benchmark clears both away.

import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

const prefix = 'quantadb-bench-';

/** @returns {string} the directory; RealCluster makes its own ones below it */
export function openWorkspace() {
  sweepDeadRuns();
  const directory = join(tmpdir(), `${prefix}${process.pid}`);
  mkdirSync(directory, { recursive: true });
  chmodSync(directory, 0o755);
  process.env.QUANTADB_TEST_DIR = directory;
  return directory;
}

/**
 * Runs a benchmark in its workspace and leaves nothing behind, however it ends.
 *
 * @param {(directory: string) => Promise<void>} work
 * @param {() => Promise<void>} [beforeRemoval] ends cleanly what the work may have left open
 */
export async function inWorkspace(work, beforeRemoval = async () => undefined) {
  const directory = openWorkspace();
  const clear = async () => {
    await beforeRemoval().catch((error) => process.stderr.write(`clean-up: ${error.message}\n`));
    await removeWorkspace(directory);
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'])
    process.once(signal, () => void clear().finally(() => process.exit(130)));
  try {
    await work(directory);
  } catch (error) {
    process.stderr.write(`${error.stack ?? error}\n`);
    process.exitCode = 1;
  } finally {
    await clear();
  }
  process.exit();
}

/** @param {string} directory */
async function removeWorkspace(directory) {
  await endProcessesIn(directory);
  rmSync(directory, { recursive: true, force: true });
}

/** @param {string} directory every process that was started with it, or in it, is killed */
export async function endProcessesIn(directory) {
  for (let attempt = 0; attempt < 400; attempt += 1) {
    const pids = processesIn(directory);
    if (pids.length === 0) return;
    for (const pid of pids) signalProcess(pid, 'SIGKILL');
    await delay(50);
  }
  throw new Error(`processes of ${directory} do not die`);
}

/** A workspace is named after the process that made it; without that process it is nobody's. */
function sweepDeadRuns() {
  for (const name of readdirSync(tmpdir()).filter((each) => each.startsWith(prefix))) {
    const directory = join(tmpdir(), name);
    if (commandLineOf(Number(name.slice(prefix.length))).includes('bench/')) continue;
    for (const pid of processesIn(directory)) signalProcess(pid, 'SIGKILL');
    rmSync(directory, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
    process.stderr.write(`cleared away what a killed run had left in ${directory}\n`);
  }
}

/**
 * With everything below them: a program may write its title over what it was started with.
 *
 * @param {string} directory
 */
function processesIn(directory) {
  const all = allProcesses().filter(({ pid }) => pid !== process.pid);
  const found = new Set(all.filter(({ pid }) => belongsTo(pid, directory)).map(({ pid }) => pid));
  for (let before = -1; before < found.size; ) {
    before = found.size;
    for (const { pid, parent } of all) if (found.has(parent)) found.add(pid);
  }
  return [...found];
}

/** Those that run: what is left of a dead one until somebody asks for its end is none. */
function allProcesses() {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      const stat = readProc(name, 'stat');
      const [state, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      return stat === '' || state === 'Z' ? [] : [{ pid: Number(name), parent: Number(parent) }];
    });
}

function belongsTo(pid, directory) {
  const marks = [`${directory}/`, `${directory}\0`];
  const texts = [commandLineOf(pid), readProc(pid, 'environ')];
  return marks.some((mark) => texts.some((text) => text.includes(mark)));
}

function commandLineOf(pid) {
  return readProc(pid, 'cmdline');
}

function readProc(pid, file) {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    return '';
  }
}

/** @returns {boolean} whether there was such a process */
export function signalProcess(pid, signal) {
  try {
    process.kill(pid, signal);
    return true;
  } catch (error) {
    if (error.code !== 'ESRCH') throw error;
    return false;
  }
}

/** The processes whose parent is `pid`: of a postmaster, everything that serves. */
export function childrenOf(pid) {
  return allProcesses()
    .filter(({ parent }) => parent === pid)
    .map((each) => each.pid);
}
