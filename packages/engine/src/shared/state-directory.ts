import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { overwriteInPlace, writeDurably } from './durable-file.ts';

/** The few small files a host must find again after a crash, by name. */
export interface StateDirectory {
  /** For messages to people. */
  readonly path: string;
  /** Null when there is no such file. */
  read(name: string): Promise<string | null>;
  /** After a crash either the old or the new content is there; when this returns, the new one. */
  write(name: string, text: string): Promise<void>;
  /** For a short text that is written often: quicker than `write`, but a crash may leave it torn. */
  overwrite(name: string, text: string): Promise<void>;
  /** Removes a file, or a directory with everything in it. */
  remove(name: string): Promise<void>;
}

export function stateDirectory(path: string): StateDirectory {
  return {
    path,
    read: async (name) => {
      try {
        return await readFile(join(path, name), 'utf8');
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
        throw error;
      }
    },
    write: (name, text) => writeDurably(join(path, name), text),
    overwrite: (name, text) => overwriteInPlace(join(path, name), text),
    remove: (name) => rm(join(path, name), { recursive: true, force: true }),
  };
}
