import { constants, type FileHandle, mkdir, open, rename } from 'node:fs/promises';
import { dirname } from 'node:path';

/** Writes a small file so that after a crash either the old or the new content is there: temporary file, fsync, rename, fsync of the directory. */
export async function writeDurably(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const temporary = `${path}.new`;
  const file = await open(temporary, 'w', 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(temporary, path);
  const directory = await open(dirname(path), 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

/** No disk writes less at a time, so most crashes leave the old content or the new one. */
const inPlaceBytes = 512;

/**
 * Writes a short text where the last one lies, padded with spaces, and flushes it. The file keeps its size and its block, so
 * nothing goes through the file system's journal, which everybody who flushes on that disk would have to wait for. For what
 * is written often, and of which a torn content is no harm. A link is not followed.
 *
 * @param owner null: whoever writes
 * @throws RangeError when it is longer than 511 bytes
 */
export async function overwriteInPlace(
  path: string,
  text: string,
  owner: { uid: number; gid: number } | null = null,
): Promise<void> {
  const bytes = Buffer.alloc(inPlaceBytes, ' ');
  if (Buffer.byteLength(text) >= inPlaceBytes)
    throw new RangeError(`too long to be written in place: ${path}`);
  bytes.write(`${text}\n`, 'utf8');
  const file = await openToOverwrite(path);
  try {
    if (owner) await give(file, owner);
    await file.write(bytes, 0, inPlaceBytes, 0);
    await file.datasync();
  } finally {
    await file.close();
  }
}

async function openToOverwrite(path: string): Promise<FileHandle> {
  const { O_RDWR, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;
  try {
    return await open(path, O_RDWR | O_NOFOLLOW);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return open(path, O_RDWR | O_CREAT | O_EXCL, 0o600);
  }
}

async function give(file: FileHandle, owner: { uid: number; gid: number }): Promise<void> {
  const { uid, gid } = await file.stat();
  if (uid !== owner.uid || gid !== owner.gid) await file.chown(owner.uid, owner.gid);
}
