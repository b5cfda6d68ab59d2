import { mkdtemp, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
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

it('what is written in place goes through no link, and belongs to whom it was given', async () => {
  const [target, link, own] = ['target', 'link', 'own'].map((name) => join(directory, name)) as [
    string,
    string,
    string,
  ];
  await writeFile(target, 'somebody else’s');
  await symlink(target, link);
  await expect(overwriteInPlace(link, 'x')).rejects.toMatchObject({ code: 'ELOOP' });
  expect(await readFile(target, 'utf8')).toBe('somebody else’s');
  const isRoot = process.getuid?.() === 0;
  const owner = isRoot
    ? { uid: 65_534, gid: 65_534 }
    : { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
  await writeFile(own, 'of whoever made it', { mode: 0o600 });
  await overwriteInPlace(own, 'x', owner);
  expect(await stat(own)).toMatchObject(owner);
});
