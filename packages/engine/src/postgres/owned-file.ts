import { chmod, chown, mkdir, open, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { OsUser } from './postmaster-host.ts';

export interface Ownership {
  /** Null leaves the file to whoever runs the daemon. */
  osUser: OsUser | null;
  mode: number;
}

/**
 * Writes a file for PostgreSQL's OS user so that after a crash either the old or the new content is there: temporary
 * file, owner and mode before any content is visible under the final name, fsync, rename, fsync of the directory.
 */
export async function writeOwnedFile(
  path: string,
  content: string | Buffer,
  ownership: Ownership,
): Promise<void> {
  const temporary = `${path}.new`;
  const file = await open(temporary, 'w', ownership.mode);
  try {
    await file.chmod(ownership.mode);
    if (ownership.osUser) await file.chown(ownership.osUser.uid, ownership.osUser.gid);
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(temporary, path);
  await syncDirectory(dirname(path));
}

/** Makes renames and removals inside a directory survive a crash of the machine. */
export async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

/** Creates the directory if it is missing, and gives it to PostgreSQL's OS user in any case. */
export async function ensureOwnedDirectory(path: string, ownership: Ownership): Promise<void> {
  await mkdir(path, { recursive: true, mode: 0o711 });
  await chmod(path, ownership.mode);
  if (ownership.osUser) await chown(path, ownership.osUser.uid, ownership.osUser.gid);
}
