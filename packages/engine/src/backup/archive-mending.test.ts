import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { fetchWhole, namesIn } from './archive-mending.ts';

describe('what a gap lacks', () => {
  it('is named across the boundary of 4 GB', () => {
    const [fromWal, second, toWal] = [
      '0000000200000000000000FE',
      '0000000200000000000000FF',
      '000000020000000100000000',
    ];
    const gap = { runs: [{ fromWal, toWal, segments: 3 }], damaged: [] };
    expect(namesIn(gap, 16 * 1024 * 1024)).toEqual([fromWal, second, toWal]);
  });
});

it('I-REPOSITORY-5: a segment that is damaged in one repository is given to no other, where it would be taken for whole', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'quantadb-fetch-'));
  const to = join(directory, 'segment');
  const engine = {
    fetchWal: async (_name: string, destination: string) => {
      await writeFile(destination, 'content');
      return true;
    },
  };
  const fetched = (sha1: string | null) =>
    fetchWhole(engine, { name: 'W', to, sha1, signal: AbortSignal.timeout(5000) });
  expect(await fetched('040f06fd774092478d450774f5ba30c5da78acc8')).toBe(true);
  expect(await fetched(null)).toBe(true);
  expect(await fetched('a'.repeat(40))).toBe(false);
  expect(existsSync(to)).toBe(false);
  await rm(directory, { recursive: true });
});
