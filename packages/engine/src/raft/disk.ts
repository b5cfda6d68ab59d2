import {
  closeSync,
  fdatasyncSync,
  fsyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  unlinkSync,
  writeSync,
} from 'node:fs';

/** An open file that is only ever written at its end. */
export interface DiskFile {
  append(data: Buffer): void;
  sync(): void;
  truncate(size: number): void;
  close(): void;
}

/**
 * The file operations Raft's storage is made of, so that tests can lose power between any two of them. They are
 * synchronous on purpose: they run in a worker of their own, and nothing may be sent before they are done.
 */
export interface Disk {
  makeDirectory(path: string): void;
  list(path: string): string[];
  read(path: string): Buffer;
  open(path: string): DiskFile;
  rename(from: string, to: string): void;
  remove(path: string): void;
  syncDirectory(path: string): void;
}

function openFile(path: string): DiskFile {
  const descriptor = openSync(path, 'a', 0o600);
  return {
    append(data) {
      let written = 0;
      while (written < data.length) written += writeSync(descriptor, data, written);
    },
    sync: () => fdatasyncSync(descriptor),
    truncate: (size) => ftruncateSync(descriptor, size),
    close: () => closeSync(descriptor),
  };
}

export const systemDisk: Disk = {
  makeDirectory: (path) => {
    mkdirSync(path, { recursive: true, mode: 0o700 });
  },
  list: (path) => readdirSync(path),
  read: (path) => readFileSync(path),
  open: openFile,
  rename: renameSync,
  remove: unlinkSync,
  syncDirectory: (path) => {
    const descriptor = openSync(path, 'r');
    try {
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
  },
};
