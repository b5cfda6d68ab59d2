import { createHash } from 'node:crypto';
import { chmod, lstat, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Problem } from './problem.ts';

/** The system's bound on the path of a unix socket (sun_path is 108 bytes with its end). */
const socketPathBytesMax = 107;
/** The longest name below a host's run directory: PostgreSQL's socket. */
const longestName = 'pg/.s.PGSQL.65535.lock';
const othersMayWrite = 0o022;
/** PostgreSQL's user passes through to its own directory; nobody else can list or add anything. */
const runDirectoryMode = 0o711;

/** Where a host's sockets go: below the home, or in a short place of its own when that path would be too long (pure). */
export function runDirectoryOf(home: string, host: string): string {
  const usual = join(home, 'run', host);
  if (Buffer.byteLength(join(usual, longestName)) <= socketPathBytesMax) return usual;
  const name = createHash('sha256').update(usual).digest('hex').slice(0, 12);
  return join('/tmp', `quantadb-${name}`);
}

/**
 * Everybody may create names in /tmp: a run directory that somebody else made, or may write to, could hold sockets that
 * are not ours.
 */
export async function checkRunDirectory(path: string): Promise<Problem[]> {
  const found = await lstat(path).catch(() => null);
  if (!found) return [];
  const isOwn =
    found.isDirectory() && found.uid === process.getuid?.() && (found.mode & othersMayWrite) === 0;
  if (isOwn) return [];
  return [
    {
      message: `${path}, where sockets are to go, belongs to somebody else or may be written by others`,
      nextStep: `Look at it and remove it: ls -ld ${path}`,
    },
  ];
}

/** Made before the check that counts, so that nobody can put a directory of their own in between. */
export async function makeRunDirectory(path: string): Promise<Problem[]> {
  const isNew = (await mkdir(path, { recursive: true })) !== undefined;
  if (isNew) await chmod(path, runDirectoryMode);
  return checkRunDirectory(path);
}
