import { statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Problem } from './problem.ts';

const gigabyte = 1024 ** 3;
/** Three data nodes of an empty database with their WAL, and room to try things. */
export const demoBytesMin = gigabyte;

/** Whether the volume that will hold `directory` has room. */
export async function checkDisk(directory: string, bytesMin: number): Promise<Problem[]> {
  const existing = await nearestExisting(directory);
  const { bavail, bsize } = await statfs(existing);
  const freeBytes = bavail * bsize;
  if (freeBytes >= bytesMin) return [];
  return [
    {
      message: `${directory} has ${gigabytes(freeBytes)} free, and ${gigabytes(bytesMin)} are needed`,
      nextStep: 'Make room there, or move the local system with QUANTADB_HOME=<directory>.',
    },
  ];
}

async function nearestExisting(directory: string): Promise<string> {
  let path = directory;
  for (;;) {
    const isThere = await statfs(path).then(
      () => true,
      () => false,
    );
    if (isThere || dirname(path) === path) return path;
    path = dirname(path);
  }
}

function gigabytes(bytes: number): string {
  return `${(bytes / gigabyte).toFixed(2)} GB`;
}
