import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { overwriteInPlace } from './durable-file.ts';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'qdb-file-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

it('what is written in place is there alone, in the same file of the same size', async () => {
  const path = join(directory, 'position');
  await overwriteInPlace(path, 'a long text that is followed by a short one');
  const before = await stat(path);
  await overwriteInPlace(path, 'short');
  const after = await stat(path);
  expect((await readFile(path, 'utf8')).trim()).toBe('short');
  expect([after.ino, after.size, after.mode]).toEqual([before.ino, before.size, before.mode]);
  await expect(overwriteInPlace(path, 'x'.repeat(512))).rejects.toThrow(RangeError);
  expect((await readFile(path, 'utf8')).trim()).toBe('short');
});
