// Where tests keep their files: in memory where there is room, because hundreds of servers that flush wait for a disk most of
// their time, and what tests kill are processes and hosts of their own, never the machine.
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statfsSync } from 'node:fs';
import { join } from 'node:path';

const memory = '/dev/shm';
const disk = '/tmp';
const tmpfsMagic = 0x01021994;
const gib = 1024 ** 3;
/** What a whole run needs at most, and what must be left to everything else. */
const neededBytes = 6 * gib;
const leftBytes = 6 * gib;

/**
 * @returns {string} a new directory that every user may enter; short, because paths of Unix sockets below it are limited to
 *   107 bytes
 */
export function scratchDirectory({ mayBeMemory = true } = {}) {
  const base = mayBeMemory && hasRoom() ? memory : disk;
  const directory = mkdtempSync(join(base, `qt-${process.pid}-`));
  chmodSync(directory, 0o755);
  return directory;
}

/** Those of runs that were ended by force. */
export function removeAbandoned() {
  for (const base of [memory, disk]) {
    for (const name of namesIn(base)) {
      const [, pid] = /^qt-(\d+)-/.exec(name) ?? [];
      if (pid !== undefined && !isRunning(Number(pid))) remove(join(base, name));
    }
  }
}

/**
 * A disk of its own may still be mounted there. That is no reason not to test.
 *
 * @param {string} directory
 */
function remove(directory) {
  try {
    rmSync(directory, { recursive: true, force: true, maxRetries: 5 });
  } catch (error) {
    console.log(
      `test: ${directory} of an earlier run is left: ${error instanceof Error ? error.message : error}`,
    );
  }
}

function hasRoom() {
  try {
    const { type, bavail, bsize } = statfsSync(memory);
    const [, kib = '0'] = /^MemAvailable:\s+(\d+) kB/m.exec(readFileSync('/proc/meminfo', 'utf8')) ?? [];
    return (
      type === tmpfsMagic && bavail * bsize >= neededBytes && Number(kib) * 1024 >= neededBytes + leftBytes
    );
  } catch {
    return false;
  }
}

/** @param {string} directory */
function namesIn(directory) {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

/** @param {number} pid */
function isRunning(pid) {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return /** @type {NodeJS.ErrnoException} */ (error).code === 'EPERM';
  }
}
