import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { stateDirectory } from '../shared/state-directory.ts';
import { LastPosition } from './last-position.ts';

const words = {
  position: { timeline: 4, lsn: '0/5000' },
  history: [{ timeline: 4, parentId: 2, forkLsn: '0/3000' }],
};
let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(process.env.QUANTADB_TEST_DIR ?? tmpdir(), 'last-'));
});
afterEach(() => rm(directory, { recursive: true }));

const open = () => new LastPosition(stateDirectory(directory));

describe('where the WAL ended before the data was given up (I-SEAL-3)', () => {
  it('is known after a restart, in the same cluster only', async () => {
    await open().remember('c1', words);
    expect(await open().recall('c1')).toEqual(words);
    expect(await open().recall('c2')).toBeNull();
  });

  it('is forgotten for good once the data tells again', async () => {
    await open().remember('c1', words);
    await open().forget();
    expect(await open().recall('c1')).toBeNull();
  });

  it('is nothing on a host that never gave data up', async () => {
    await open().forget();
    expect(await open().recall('c1')).toBeNull();
  });

  it('is no vote when the file cannot be read', async () => {
    await writeFile(join(directory, 'last-position.json'), '{"version":1');
    await expect(open().recall('c1')).rejects.toMatchObject({ code: 'STORAGE_CORRUPT' });
  });
});
