import {
  type Belonging,
  descendantsOf,
  inspect,
  isAlive,
  isSame,
  type ProcessIdentity,
  readStat,
  readStats,
  strays,
} from './process-tree.ts';

/** Whom one pass kills. */
export interface KillTarget extends Belonging {
  mark: string;
  /** Null when only its left-over processes are looked for. */
  postmaster: ProcessIdentity | null;
  /** Clock ticks after boot: an older process cannot be the postmaster's and is not looked into. */
  sinceTime: number;
}

/**
 * One look and one blow, synchronous so that nothing comes between them. The postmaster is stopped first, so that it
 * starts nobody while its children are killed; it dies after them. Only then are environments and working directories
 * read, for those no parent leads to: reading these waits for the memory of a process, which a hung disk may hold.
 *
 * @returns the living processes it found; empty when all are dead. Call it again until then.
 */
export function killPass({ mark, postmaster, sinceTime, ...belonging }: KillTarget): ProcessIdentity[] {
  if (postmaster) sendSignal(postmaster, 'SIGSTOP');
  const stats = readStats();
  const family = postmaster ? descendantsOf(postmaster, stats) : [];
  const root = stats.filter((each) => postmaster !== null && isSame(each, postmaster) && isAlive(each));
  for (const each of [...family, ...root]) sendSignal(each, 'SIGKILL');
  const known = new Set([...family, ...root].map((each) => each.pid));
  const others = stats
    .filter((each) => isAlive(each) && !known.has(each.pid) && each.startTime >= sinceTime)
    .map((each) => inspect(each, mark));
  const lost = strays(others, belonging);
  for (const each of lost) sendSignal(each, 'SIGKILL');
  return [...family, ...root, ...lost].map(({ pid, startTime }) => ({ pid, startTime }));
}

/** Nothing happens when the process is dead or its pid belongs to another one by now. */
export function sendSignal(identity: ProcessIdentity, signal: NodeJS.Signals): void {
  const found = readStat(identity.pid);
  if (!found || !isAlive(found) || !isSame(found, identity)) return;
  try {
    process.kill(identity.pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
