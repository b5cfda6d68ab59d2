import { readdirSync, readFileSync, readlinkSync, realpathSync } from 'node:fs';
import { markVariable } from './protocol.ts';

/** What /proc/<pid>/stat tells. Pid and start time together name a process: a pid alone may be used again. */
export interface ProcessStat {
  pid: number;
  ppid: number;
  /** Clock ticks after boot. */
  startTime: number;
  /** One letter of proc(5): R, S, D, T, Z, X. */
  state: string;
  /** The program's name, at most 15 characters. */
  name: string;
}

export interface ProcessInfo extends ProcessStat {
  /** Carries our mark in its environment. PostgreSQL's own children overwrite theirs, programs they start do not. */
  environMarked: boolean;
  /** Null when it may not be read. */
  cwd: string | null;
}

export type ProcessIdentity = Pick<ProcessStat, 'pid' | 'startTime'>;

/** Which processes belong to a postmaster that may be gone already. */
export interface Belonging {
  /** Real path of the data directory; null when a postgres process in it may be somebody else's. */
  dataDir: string | null;
  /** Never ours: the process that asks. */
  ownPid: number;
}

/** A zombie runs no code and holds no files: it is dead, whether or not its parent has noticed. */
export function isAlive(process: ProcessStat): boolean {
  return process.state !== 'Z' && process.state !== 'X' && process.state !== 'x';
}

export function isSame(one: ProcessIdentity, other: ProcessIdentity): boolean {
  return one.pid === other.pid && one.startTime === other.startTime;
}

/** Every living process below `root` by its parents, without `root` itself; none when `root` is gone. */
export function descendantsOf<Process extends ProcessStat>(
  root: ProcessIdentity,
  processes: readonly Process[],
): Process[] {
  if (!processes.some((each) => isSame(each, root))) return [];
  const childrenOf = new Map<number, Process[]>();
  for (const each of processes) childrenOf.set(each.ppid, [...(childrenOf.get(each.ppid) ?? []), each]);
  const found = new Set<Process>();
  const parents = [root.pid];
  for (let parent = parents.pop(); parent !== undefined; parent = parents.pop()) {
    for (const child of childrenOf.get(parent) ?? []) {
      if (child.pid === root.pid || found.has(child)) continue;
      found.add(child);
      parents.push(child.pid);
    }
  }
  return [...found].filter(isAlive);
}

/** Living processes that are ours although no parent leads to the postmaster any more: by the mark, or by where they work. */
export function strays(processes: readonly ProcessInfo[], { dataDir, ownPid }: Belonging): ProcessInfo[] {
  return processes.filter((each) => {
    if (!isAlive(each) || each.pid === ownPid) return false;
    return each.environMarked || isServerProcessOf(each, dataDir);
  });
}

/** By its name too: somebody's shell or `ls` in the data directory is not PostgreSQL. */
function isServerProcessOf(process: ProcessInfo, dataDir: string | null): boolean {
  if (dataDir === null || process.name !== 'postgres') return false;
  return process.cwd === dataDir || process.cwd === `${dataDir} (deleted)`;
}

/** Null when the text is not a line of /proc/<pid>/stat. */
export function parseStat(text: string): ProcessStat | null {
  // The name in parentheses may itself hold spaces and parentheses; the fields follow its last one.
  const nameStart = text.indexOf('(');
  const nameEnd = text.lastIndexOf(')');
  const fields = text.slice(nameEnd + 2).split(' ');
  const [pid, ppid, startTime] = [text.slice(0, nameStart), fields[1], fields[19]].map(Number);
  const [state] = fields;
  if (!pid || ppid === undefined || startTime === undefined || !Number.isFinite(startTime) || !state)
    return null;
  return { pid, ppid, startTime, state, name: text.slice(nameStart + 1, nameEnd) };
}

/** Synchronous: whoever kills by this list must not be interrupted between the look and the act. */
export function readStats(): ProcessStat[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => readStat(Number(name)))
    .filter((each) => each !== null);
}

/** Null when there is no such process. */
export function readStat(pid: number): ProcessStat | null {
  const text = readProc(() => readFileSync(`/proc/${pid}/stat`, 'utf8'));
  return text === null ? null : parseStat(text);
}

/** Looks at environment and working directory as well; those of a process of somebody else may be unreadable. */
export function inspect(stat: ProcessStat, mark: string): ProcessInfo {
  const environ = readProc(() => readFileSync(`/proc/${stat.pid}/environ`, 'utf8'));
  const cwd = readProc(() => readlinkSync(`/proc/${stat.pid}/cwd`));
  const environMarked = environ?.split('\0').includes(`${markVariable}=${mark}`) ?? false;
  return { ...stat, environMarked, cwd };
}

export function readProcesses(mark: string): ProcessInfo[] {
  return readStats().map((stat) => inspect(stat, mark));
}

/** The kernel shows a process's working directory without symbolic links. */
export function realPathOf(directory: string): string {
  try {
    return realpathSync(directory);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return directory;
    throw error;
  }
}

/** Null when the process ended meanwhile or belongs to somebody else. */
function readProc(read: () => string): string | null {
  try {
    return read();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ESRCH' || code === 'EACCES' || code === 'EPERM') return null;
    throw error;
  }
}
