import { readFileSync, readlinkSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { systemClock } from '../../shared/clock.ts';
import { QuantaError } from '../../shared/errors.ts';
import { killPass } from './kill.ts';
import {
  inspect,
  isAlive,
  type ProcessIdentity,
  readStat,
  readStats,
  realPathOf,
  strays,
} from './process-tree.ts';

export interface OrphanSearch {
  mark: string;
  dataDir: string;
  timeoutMs: number;
}

const betweenPassesMs = 10;

/**
 * Kills what a dead reaper left: every process with the mark, and every postgres process in the data directory. Only
 * for when no living reaper owns this data directory.
 *
 * @throws QuantaError DEADLINE_EXCEEDED naming the processes that are still there after `timeoutMs`; PREFLIGHT_FAILED when
 *   a postgres process may be one of ours, but this process is not allowed to find out
 */
export async function killOrphans({ mark, dataDir, timeoutMs }: OrphanSearch): Promise<{ killed: number[] }> {
  const endMs = systemClock.monotonicMs() + timeoutMs;
  const belonging = { dataDir: realPathOf(dataDir), ownPid: process.pid };
  const killed = new Set<number>();
  for (;;) {
    const postmaster = findPostmaster(mark, belonging);
    const left = killPass({ ...belonging, mark, postmaster, sinceTime: 0 });
    for (const { pid } of left) killed.add(pid);
    const hidden = left.length === 0 ? findHiddenServers(belonging.dataDir) : [];
    if (left.length === 0 && hidden.length === 0) return { killed: [...killed] };
    if (systemClock.monotonicMs() >= endMs) {
      throw left.length > 0 ? stillThere(left, timeoutMs) : hiddenFrom(hidden, dataDir);
    }
    await delay(betweenPassesMs);
  }
}

/**
 * In a container root itself often lacks the capability to look into the processes of another user. A server process
 * that cannot be told from an orphan may go on writing, so it must not be passed over in silence.
 */
function findHiddenServers(dataDir: string): ProcessIdentity[] {
  const owner = ownerOf(dataDir);
  return readStats().filter((each) => {
    if (!isAlive(each) || each.name !== 'postgres' || !isForbidden(`/proc/${each.pid}/cwd`)) return false;
    return owner !== null && ownerOf(`/proc/${each.pid}`) === owner;
  });
}

function isForbidden(link: string): boolean {
  try {
    readlinkSync(link);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EACCES';
  }
}

function ownerOf(path: string): number | null {
  return statSync(path, { throwIfNoEntry: false })?.uid ?? null;
}

/** The pid in postmaster.pid, when that process really is one of ours: the file outlives its server. */
function findPostmaster(
  mark: string,
  belonging: { dataDir: string; ownPid: number },
): ProcessIdentity | null {
  const pid = readPidFile(join(belonging.dataDir, 'postmaster.pid'));
  const stat = pid === null ? null : readStat(pid);
  if (!stat || !isAlive(stat)) return null;
  return strays([inspect(stat, mark)], belonging).length > 0 ? stat : null;
}

function readPidFile(path: string): number | null {
  try {
    const pid = Number.parseInt(readFileSync(path, 'utf8'), 10);
    return pid > 1 ? pid : null;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

function stillThere(left: ProcessIdentity[], timeoutMs: number): QuantaError {
  const pids = left.map((each) => each.pid).join(', ');
  return new QuantaError(
    'DEADLINE_EXCEEDED',
    `processes of an earlier PostgreSQL are still there ${timeoutMs} ms after SIGKILL: ${pids}`,
    {
      hint: 'A process that survives SIGKILL waits for a disk or a network share: look at its state with ps, and restart the host if the disk does not come back.',
      details: { pids: left.map((each) => each.pid) },
    },
  );
}

function hiddenFrom(hidden: ProcessIdentity[], dataDir: string): QuantaError {
  const pids = hidden.map((each) => each.pid);
  return new QuantaError(
    'PREFLIGHT_FAILED',
    `whether these postgres processes are left over from ${dataDir} cannot be seen: ${pids.join(', ')}`,
    {
      hint: 'Give the daemon CAP_SYS_PTRACE, or run it as the owner of the data directory.',
      details: { pids },
    },
  );
}
