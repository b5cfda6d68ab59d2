import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

const pollIntervalMs = 200;

/**
 * @typedef {{ pid: number, command: string }} Leftover
 * @typedef {{ variable: string, directory: string }} Mark how a test's processes are known: an environment entry
 *   (`NAME=value`) or, for those that clean their environment as PostgreSQL does, the scratch directory
 */

/**
 * The processes of a test run that still live.
 *
 * @param {Mark} mark
 * @returns {Leftover[]}
 */
export function findLeftovers(mark) {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .map((name) => ({ name, command: commandOf(name) }))
    .filter(({ name, command }) => command !== '' && isMarked(name, command, mark))
    .map(({ name, command }) => ({ pid: Number(name), command }));
}

/**
 * Gives a run's processes time to end, then kills those that have not.
 *
 * @param {Mark} mark
 * @param {number} graceMs
 * @returns {Promise<Leftover[]>} those that had to be killed
 */
export async function endLeftovers(mark, graceMs) {
  const deadline = Date.now() + graceMs;
  while (findLeftovers(mark).length > 0 && Date.now() < deadline) await sleep(pollIntervalMs);
  const stubborn = findLeftovers(mark);
  for (const { pid } of stubborn) kill(pid);
  // A killed parent may have started one more child meanwhile.
  for (let round = 0; round < 10 && findLeftovers(mark).length > 0; round++) {
    for (const { pid } of findLeftovers(mark)) kill(pid);
    await sleep(pollIntervalMs);
  }
  return stubborn;
}

/**
 * Removes the network namespaces of test processes that are gone (they are named after them).
 *
 * @returns {string[]} the names of those that were left
 */
export function removeNamespaces() {
  const listed = spawnSync('ip', ['netns', 'list'], { encoding: 'utf8' });
  const names = (listed.stdout ?? '').split('\n').flatMap((line) => line.split(' ').slice(0, 1));
  const left = names.filter((name) => {
    const pid = /^qdb(\d+)-/.exec(name)?.[1];
    return pid !== undefined && !existsSync(`/proc/${pid}`);
  });
  for (const name of left) spawnSync('ip', ['netns', 'del', name]);
  return left;
}

/**
 * @param {string} pid
 * @param {string} command
 * @param {Mark} mark
 */
function isMarked(pid, command, { variable, directory }) {
  if (command.includes(directory)) return true;
  if (read(() => readlinkSync(`/proc/${pid}/cwd`)).startsWith(directory)) return true;
  return read(() => readFileSync(`/proc/${pid}/environ`, 'utf8'))
    .split('\0')
    .includes(variable);
}

/** @param {string} pid */
function commandOf(pid) {
  return read(() => readFileSync(`/proc/${pid}/cmdline`, 'utf8'))
    .replaceAll('\0', ' ')
    .trim();
}

/** @param {() => string} action reads of a process that ended meanwhile, or of somebody else's, give nothing. */
function read(action) {
  try {
    return action();
  } catch {
    return '';
  }
}

/** @param {number} pid */
function kill(pid) {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code !== 'ESRCH') throw error;
  }
}
