import { readdir, readFile, readlink } from 'node:fs/promises';

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

/** Null when there is no such process, or only what is left of one (a zombie runs no code). */
export async function readProcess(pid: number): Promise<ProcessStat | null> {
  const text = await readProc(`/proc/${pid}/stat`);
  if (text === null) return null;
  // The name in parentheses may itself hold spaces and parentheses; the fields follow its last one.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const [state = '', parentPid = ''] = fields;
  if (state === 'Z' || state === 'X' || state === 'x') return null;
  return { pid, state, parentPid: Number(parentPid), startTicks: fields[19] ?? '' };
}

export async function isAlive(identity: ProcessIdentity): Promise<boolean> {
  return (await readProcess(identity.pid))?.startTicks === identity.startTicks;
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
  const receivers: ReceiverCandidate[] = [];
  for (const { pid, startTicks } of await childrenOf(postmasterPid)) {
    const title = await titleOf(pid);
    if (title === null) continue;
    const isCertain = /^postgres: (.*: )?walreceiver( |$)/.test(title);
    if (isCertain || title === ownTitle) receivers.push({ pid, startTicks, isCertain });
  }
  return receivers;
}

/**
 * By every process's parent: the kernel's own list, /proc/<pid>/task/<pid>/children, may leave one out while another
 * ends (proc(5)), and a receiver that was overlooked would go on acknowledging.
 */
async function childrenOf(parentPid: number): Promise<ProcessStat[]> {
  const children: ProcessStat[] = [];
  for (const text of await readdir('/proc')) {
    if (!/^\d+$/.test(text)) continue;
    const process = await readProcess(Number(text));
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
