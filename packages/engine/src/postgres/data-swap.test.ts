import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DataSwap, keptDirectory } from './data-swap.ts';

let directory = '';
let place = { dataDir: '', stateDir: '' };
const id = 'a1b2c3d4-and-more';

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'swap-'));
  place = { dataDir: join(directory, 'data'), stateDir: join(directory, 'state') };
  await mkdir(place.stateDir);
  await hold(place.dataDir, 'before');
  await hold(`${place.dataDir}.restored`, 'restored');
});
afterEach(() => rm(directory, { recursive: true, force: true }));

async function hold(path: string, what: string): Promise<void> {
  await mkdir(path);
  await writeFile(join(path, 'what'), what);
}
const held = (path = place.dataDir) => readFile(join(path, 'what'), 'utf8').catch(() => null);

describe('a copy in the place of the data', () => {
  it('is remembered by the next daemon until it is settled', async () => {
    await new DataSwap(place).putInPlace(id);
    expect(await held()).toBe('restored');
    expect(await held(keptDirectory(place.dataDir, id))).toBe('before');
    const next = new DataSwap(place);
    expect(await next.pending()).toBe(id);
    await next.putInPlace(id);
    expect(await held()).toBe('restored');
    await next.finish();
    expect(await new DataSwap(place).pending()).toBeNull();
    expect(await held(keptDirectory(place.dataDir, id))).toBe('before');
  });

  it('gets there, and back, from wherever a crash left it (I-RESTORE-4)', async () => {
    const kept = keptDirectory(place.dataDir, id);
    await rename(place.dataDir, kept);
    await new DataSwap(place).putInPlace(id);
    expect(await held()).toBe('restored');
    // Half-way back: the copy is aside, and the former data not in its place yet.
    await rename(place.dataDir, `${place.dataDir}.restored`);
    const swap = new DataSwap(place);
    await swap.takeBack(id);
    expect(await held()).toBe('before');
    expect(await held(kept)).toBeNull();
    expect(await held(`${place.dataDir}.restored`)).toBeNull();
    await swap.takeBack(id);
    expect(await held()).toBe('before');
  });

  it('is refused when there is no copy, and nothing is moved', async () => {
    await rm(`${place.dataDir}.restored`, { recursive: true });
    await expect(new DataSwap(place).putInPlace(id)).rejects.toThrow(/nothing to put in place/);
    expect(await held()).toBe('before');
    expect(await new DataSwap(place).pending()).toBeNull();
  });

  it('is taken back by a node that had not begun to move anything', async () => {
    await new DataSwap(place).takeBack(id);
    expect(await held()).toBe('before');
  });
});
