import { randomUUID } from 'node:crypto';
import { link, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { messageOf, QuantaError } from '@quantadb/engine/shared/errors';
import { z } from 'zod';

const lockSchema = z.object({ pid: z.number().int().positive(), startTime: z.string() });
const attemptsMax = 3;

export interface Lock {
  /** One line for the person when a dead process had left its lock behind. */
  note: string | null;
  release(): Promise<void>;
}

/**
 * One local system per home. A lock names its process by pid and start time, so that a reused pid is not taken for it.
 *
 * @throws QuantaError PREFLIGHT_FAILED when its holder lives, or when the directory cannot be written
 */
export async function acquireLock(path: string): Promise<Lock> {
  let note: string | null = null;
  for (let attempt = 0; attempt < attemptsMax; attempt += 1) {
    if (await linkWhole(path)) return { note, release: () => release(path) };
    const holder = await livingHolder(path);
    if (holder.isAlive) throw alreadyRuns(path, holder.pid);
    if (holder.pid === null) continue;
    await setAside(path);
    note = `The lock of ${holder.pid === 0 ? 'a process' : `process ${holder.pid}`}, which is gone, was taken over.`;
  }
  throw alreadyRuns(path, (await livingHolder(path)).pid);
}

/** Who holds the lock: for `down` and `status`. The pid is null without a lock, and 0 when it cannot be read. */
export async function livingHolder(path: string): Promise<{ isAlive: boolean; pid: number | null }> {
  const text = await readFile(path, 'utf8').catch(() => null);
  if (text === null) return { isAlive: false, pid: null };
  const parsed = lockSchema.safeParse(tryJson(text));
  if (!parsed.success) return { isAlive: false, pid: 0 };
  const { pid, startTime } = parsed.data;
  return { isAlive: (await startTimeOf(pid)) === startTime, pid };
}

function alreadyRuns(path: string, pid: number | null): QuantaError {
  return new QuantaError('PREFLIGHT_FAILED', `a local system already runs in ${dirname(path)} (pid ${pid})`, {
    hint: 'Use it (`npx quantadb status`), stop it (`npx quantadb down`), or set QUANTADB_HOME and QUANTADB_PORT_BASE for another one.',
  });
}

/** The lock appears with its content or not at all, so nobody takes a half-written one for a dead one. */
async function linkWhole(path: string): Promise<boolean> {
  const own = `${path}.${randomUUID()}`;
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o755 });
    const startTime = await startTimeOf(process.pid);
    await writeFile(own, JSON.stringify({ pid: process.pid, startTime }), { mode: 0o644 });
    await link(own, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw new QuantaError('PREFLIGHT_FAILED', `${path} cannot be written: ${messageOf(error)}`, {
      cause: error,
      hint: 'Check who owns the directory.',
    });
  } finally {
    await rm(own, { force: true });
  }
}

/**
 * Moves a dead process's lock away. Another start may have replaced it since it was read, so what was moved is looked
 * at again, and a living holder gets its lock back.
 */
async function setAside(path: string): Promise<void> {
  const aside = `${path}.${randomUUID()}`;
  const isMoved = await rename(path, aside).then(
    () => true,
    () => false,
  );
  if (!isMoved) return;
  if ((await livingHolder(aside)).isAlive) await link(aside, path).catch(() => undefined);
  await rm(aside, { force: true });
}

async function release(path: string): Promise<void> {
  const holder = await livingHolder(path);
  if (holder.pid === process.pid) await rm(path, { force: true });
}

/** Field 22 of /proc/<pid>/stat: clock ticks since boot. Null when there is no such process, or only its zombie. */
async function startTimeOf(pid: number): Promise<string | null> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => null);
  const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ');
  return !fields || fields[0] === 'Z' ? null : (fields[19] ?? null);
}

function tryJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
