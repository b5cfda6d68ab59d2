import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { stateDirectory } from '../shared/state-directory.ts';
import { SealStore } from './seal-store.ts';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(process.env.QUANTADB_TEST_DIR ?? tmpdir(), 'seal-'));
});
afterEach(() => rm(directory, { recursive: true }));

describe('promises of epochs (I-SEAL-1)', () => {
  it('survive a restart', async () => {
    const store = await SealStore.open(stateDirectory(directory));
    expect(await store.promise(7, 'f1')).toEqual({ ok: true });
    expect((await SealStore.open(stateDirectory(directory))).epoch()).toBe(7);
  });

  it('are never taken back by an older election', async () => {
    const store = await SealStore.open(stateDirectory(directory));
    await store.promise(7, 'f1');
    expect(await store.promise(6, 'f0')).toMatchObject({ ok: false });
    expect(store.epoch()).toBe(7);
  });

  it('can be repeated by the same election, so that a new decider can resume it, but not by another', async () => {
    const store = await SealStore.open(stateDirectory(directory));
    await store.promise(7, 'f1');
    expect(await store.promise(7, 'f1')).toEqual({ ok: true });
    expect(await store.promise(7, 'f2')).toMatchObject({ ok: false });
    expect(await store.promise(8, 'f2')).toEqual({ ok: true });
  });

  it('refuse to start from a damaged file, because a lost promise must not look like none', async () => {
    await writeFile(join(directory, 'seal.json'), '{"version":1,"ep');
    await expect(SealStore.open(stateDirectory(directory))).rejects.toMatchObject({
      code: 'STORAGE_CORRUPT',
    });
  });

  it('are made one at a time, so that one epoch is never promised to two elections', async () => {
    const store = await SealStore.open(stateDirectory(directory));
    const both = await Promise.all([store.promise(7, 'f1'), store.promise(7, 'f2')]);
    expect(both.filter((promised) => promised.ok)).toHaveLength(1);
    await Promise.all([store.promise(9, 'f4'), store.promise(8, 'f3')]);
    expect(store.epoch()).toBe(9);
    expect((await SealStore.open(stateDirectory(directory))).epoch()).toBe(9);
  });
});
