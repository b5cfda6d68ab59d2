import { mkdir, open, readFile, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { QuantaError } from '@quantadb/engine/shared/errors';
import { z } from 'zod';

const lockSchema = z.object({ pid: z.number().int().positive(), startTime: z.string() });

export interface Lock {
  /** One line for the person when a dead process had left its lock behind. */
  note: string | null;
  release(): Promise<void>;
}

/**
 * One local system per home. A lock names its process by pid and start time, so that a reused pid is not taken for it.
 *
 * @throws QuantaError PREFLIGHT_FAILED when its holder lives
 */
export async function acquireLock(path: string): Promise<Lock> {
  const holder = await livingHolder(path);
  if (holder.isAlive) {
    throw new QuantaError(
      'PREFLIGHT_FAILED',
      `a local system already runs in ${dirname(path)} (pid ${holder.pid})`,
      {
        hint: 'Use it (`npx quantadb status`), stop it (`npx quantadb down`), or set QUANTADB_HOME and QUANTADB_PORT_BASE for another one.',
      },
    );
  }
  if (holder.pid !== null) await rm(path, { force: true });
  await mkdir(dirname(path), { recursive: true, mode: 0o755 });
  await writeExclusively(path);
  const note =
    holder.pid === null ? null : `The lock of process ${holder.pid}, which is gone, was taken over.`;
  return { note, release: () => rm(path, { force: true }) };
}

/** Who holds the lock: for `down` and `status`. */
export async function livingHolder(path: string): Promise<{ isAlive: boolean; pid: number | null }> {
  const text = await readFile(path, 'utf8').catch(() => null);
  if (text === null) return { isAlive: false, pid: null };
  const parsed = lockSchema.safeParse(tryJson(text));
  if (!parsed.success) return { isAlive: false, pid: 0 };
  const { pid, startTime } = parsed.data;
  return { isAlive: (await startTimeOf(pid)) === startTime, pid };
}

async function writeExclusively(path: string): Promise<void> {
  const startTime = await startTimeOf(process.pid);
  try {
    const file = await open(path, 'wx', 0o644);
    await file.writeFile(JSON.stringify({ pid: process.pid, startTime }));
    await file.close();
  } catch (error) {
    throw new QuantaError('PREFLIGHT_FAILED', `${path} cannot be written`, {
      cause: error,
      hint: 'Another start may have been faster; otherwise check who owns the directory.',
    });
  }
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
