import { constants, copyFile, open, rename, rm, stat, truncate } from 'node:fs/promises';
import { messageOf } from '../shared/errors.ts';
import type { Logger } from '../shared/logger.ts';

const bytesMax = 32 * 1024 * 1024;
const keptFiles = 4;
const lookEveryMs = 10_000;
/** A file that could not be set aside grows up to this many times its size, and is emptied then. */
const patience = 4;

/** What a log was before: `x.log.1` is the newest of them. */
export function olderFiles(file: string): string[] {
  return Array.from({ length: keptFiles }, (_, at) => `${file}.${at + 1}`);
}

/**
 * Keeps logs within bounds. PostgreSQL and all its processes hold the file they were started with, so it is copied and
 * emptied, not renamed; everybody appends, and goes on at its new end.
 */
export class LogKeeper {
  private readonly files: readonly string[];
  private readonly logger: Logger;
  private readonly limitBytes: number;
  private readonly timer: NodeJS.Timeout;
  private looking: Promise<void> | null = null;

  constructor(options: { files: readonly string[]; logger: Logger; limitBytes?: number }) {
    this.files = options.files;
    this.logger = options.logger;
    this.limitBytes = options.limitBytes ?? bytesMax;
    this.timer = setInterval(() => void this.look(), lookEveryMs);
    this.timer.unref();
  }

  look(): Promise<void> {
    this.looking ??= this.lookAtAll().finally(() => {
      this.looking = null;
    });
    return this.looking;
  }

  async close(): Promise<void> {
    clearInterval(this.timer);
    await this.looking;
  }

  private async lookAtAll(): Promise<void> {
    for (const file of this.files) {
      const size = await stat(file).then(
        (found) => found.size,
        () => 0,
      );
      if (size <= this.limitBytes) continue;
      try {
        await setAside(file);
      } catch (error) {
        this.logger.warn({ file, error: messageOf(error) }, 'a log could not be set aside');
        if (size > patience * this.limitBytes) await truncate(file).catch(() => undefined);
      }
    }
  }
}

async function setAside(file: string): Promise<void> {
  const older = olderFiles(file);
  const [newest = ''] = older;
  for (let at = older.length - 1; at > 0; at -= 1) {
    const [from = '', to = ''] = [older[at - 1], older[at]];
    await rename(from, to).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error;
    });
  }
  try {
    await copyFile(file, newest, constants.COPYFILE_FICLONE);
    await appendRest(file, newest);
  } catch (error) {
    await rm(newest, { force: true });
    throw error;
  }
  await truncate(file);
}

/** What was written while the file was copied, so that next to nothing is lost between that and its emptying. */
async function appendRest(file: string, copy: string): Promise<void> {
  const [from, to] = [await open(file, 'r'), await open(copy, 'r+')];
  try {
    const [{ size }, { size: copied }] = [await from.stat(), await to.stat()];
    const buffer = Buffer.alloc(Math.max(0, size - copied));
    const { bytesRead } = await from.read(buffer, 0, buffer.length, copied);
    await to.write(buffer, 0, bytesRead, copied);
  } finally {
    await from.close();
    await to.close();
  }
}
