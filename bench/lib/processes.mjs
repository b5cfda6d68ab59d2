// Processes of one host: which they are, what they have used, and which cores they may have.

import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

const ticksPerSecond = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));

/** All of them, with their parents; one that ends meanwhile is left out. */
function all() {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        const command = readFileSync(`/proc/${name}/cmdline`, 'utf8').replaceAll('\0', ' ');
        const stat = readFileSync(`/proc/${name}/stat`, 'utf8');
        const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
        const seconds = (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
        return [{ pid: Number(name), parent: Number(fields[1]), command, seconds }];
      } catch {
        return [];
      }
    });
}

/** CPU seconds that these have used until now. */
export function secondsOf(pids) {
  const wanted = new Set(pids);
  return all()
    .filter(({ pid }) => wanted.has(pid))
    .reduce((sum, { seconds }) => sum + seconds, 0);
}

/** Those that name the directory, and all that descend from them. */
export function processesOf(directory) {
  const found = all();
  const own = new Set(found.filter(({ command }) => command.includes(directory)).map(({ pid }) => pid));
  own.delete(process.pid);
  for (let size = -1; size !== own.size; ) {
    size = own.size;
    for (const { pid, parent } of found) if (own.has(parent)) own.add(pid);
  }
  return found.filter(({ pid }) => own.has(pid));
}

/** What comes of them later has the same cores. */
export function pin(processes, cores) {
  for (const { pid } of processes) {
    try {
      execFileSync('taskset', ['-a', '-c', '-p', cores, String(pid)], { stdio: 'ignore' });
    } catch {
      // It has ended meanwhile.
    }
  }
}

/** CPU seconds of those that are no PostgreSQL: the product's own. */
export function ownSeconds(directory) {
  const isOwn = ({ command }) => /node(js)? /.test(`${command.split(' ')[0]} `);
  return processesOf(directory)
    .filter(isOwn)
    .reduce((sum, { seconds }) => sum + seconds, 0);
}
