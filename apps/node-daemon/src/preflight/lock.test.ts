import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { acquireLock, livingHolder } from './lock.ts';

let directory: string;
let path: string;
beforeEach(async () => {
  directory = await mkdtemp(join(process.env.QUANTADB_TEST_DIR ?? tmpdir(), 'lock-'));
  path = join(directory, 'lock');
});
afterEach(() => rm(directory, { recursive: true, force: true }));

test('an empty lock, as a crash leaves it, is taken over', async () => {
  await writeFile(path, '');
  expect((await acquireLock(path)).note).toContain('was taken over');
  expect(await readdir(directory)).toEqual(['lock']);
});

test('of two starts that meet a dead lock one gets it', async () => {
  await writeFile(path, JSON.stringify({ pid: process.pid, startTime: '1' }));
  const starts = await Promise.allSettled([acquireLock(path), acquireLock(path)]);
  expect(starts.filter((start) => start.status === 'fulfilled')).toHaveLength(1);
});

test('a release leaves the lock of another process alone', async () => {
  const lock = await acquireLock(path);
  const other = fork('/dev/null');
  await writeFile(path, JSON.stringify({ pid: other.pid, startTime: '1' }));
  await lock.release();
  expect((await livingHolder(path)).pid).toBe(other.pid);
  if (other.exitCode === null) await once(other, 'exit');
});
