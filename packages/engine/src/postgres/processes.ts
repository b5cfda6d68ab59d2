import { readdirSync, readFileSync } from 'node:fs';
import { readFile, readlink } from 'node:fs/promises';
import { setImmediate as nextTurn } from 'node:timers/promises';

/** A few milliseconds' worth. */
const readAtOnce = 256;
const titlesAtOnce = 32;

/** One process, named so that a reused pid is never mistaken for it. */
export interface ProcessIdentity {
  pid: number;
  /** Clock ticks after boot, field 22 of /proc/<pid>/stat. */
  startTicks: string;
}

interface ProcessStat extends ProcessIdentity {
  state: string;
  parentPid: number;
}

/**
 * Null when there is no such process, or only what is left of one (a zombie runs no code). At once: through the pool of threads a
 * look at some hundred processes takes tens of milliseconds, hundreds on a busy machine, while nobody takes writes. Unlike a
 * command line, which has to be read from the memory of a process that may hang, this comes from the kernel alone.
 */
export function readProcess(pid: number): ProcessStat | null {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch (error) {
    if (isGone(error)) return null;
    throw error;
  }
  // The name in parentheses may itself hold spaces and parentheses; the fields follow its last one.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const [state = '', parentPid = ''] = fields;
  if (state === 'Z' || state === 'X' || state === 'x') return null;
  return { pid, state, parentPid: Number(parentPid), startTicks: fields[19] ?? '' };
}

export function isAlive(identity: ProcessIdentity): boolean {
  return readProcess(identity.pid)?.startTicks === identity.startTicks;
}

export async function workingDirectoryOf(pid: number): Promise<string | null> {
  try {
    return await readlink(`/proc/${pid}/cwd`);
  } catch (error) {
    if (isGone(error)) return null;
    throw error;
  }
}

export interface ReceiverCandidate extends ProcessIdentity {
  /** False for a child that was forked a moment ago and has not said yet what it is. */
  isCertain: boolean;
}

/**
 * The WAL receivers among the postmaster's children, and those that may become one: a child that still shows the
 * postmaster's own command line.
 */
export async function findReceivers(postmasterPid: number): Promise<ReceiverCandidate[]> {
  const ownTitle = await titleOf(postmasterPid);
  const children = await childrenOf(postmasterPid);
  const titles: (string | null)[] = [];
  // Some together, and not all: each is a file that is open.
  for (let from = 0; from < children.length; from += titlesAtOnce) {
    const some = children.slice(from, from + titlesAtOnce);
    titles.push(...(await Promise.all(some.map(({ pid }) => titleOf(pid)))));
  }
  return children.flatMap(({ pid, startTicks }, index) => {
    const title = titles[index] ?? null;
    if (title === null) return [];
    const isCertain = /^postgres: (.*: )?walreceiver( |$)/.test(title);
    return isCertain || title === ownTitle ? [{ pid, startTicks, isCertain }] : [];
  });
}

/**
 * By every process's parent: the kernel's own list, /proc/<pid>/task/<pid>/children, may leave one out while another
 * ends (proc(5)), and a receiver that was overlooked would go on acknowledging.
 */
async function childrenOf(parentPid: number): Promise<ProcessStat[]> {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  const children: ProcessStat[] = [];
  for (const [index, pid] of pids.entries()) {
    // Whoever else waits for this thread gets a turn.
    if (index % readAtOnce === readAtOnce - 1) await nextTurn();
    const process = readProcess(Number(pid));
    if (process?.parentPid === parentPid) children.push(process);
  }
  return children;
}

async function titleOf(pid: number): Promise<string | null> {
  const text = await readProc(`/proc/${pid}/cmdline`);
  return text === null ? null : text.replaceAll('\0', ' ').trimEnd();
}

async function readProc(path: string): Promise<string | null> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (isGone(error)) return null;
    throw error;
  }
}

function isGone(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException).code;
  return code === 'ENOENT' || code === 'ESRCH';
}
