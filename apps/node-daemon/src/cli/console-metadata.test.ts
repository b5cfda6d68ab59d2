import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { backUpMetadata, restoredText } from './console-metadata.ts';

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(process.env.QUANTADB_TEST_DIR ?? tmpdir(), 'console-metadata-'));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

it('settings that lack something are told of by the variable, before anything is touched', async () => {
  const file = join(directory, 'console.env');
  await expect(backUpMetadata(file, undefined)).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  const lines = ['QUANTADB_DATABASE_URL=postgres://127.0.0.1:1/x', 'QUANTADB_PUBLIC_URL=https://a.example'];
  await writeFile(file, [...lines, 'QUANTADB_SECRET=short'].join('\n'));
  await expect(backUpMetadata(file, undefined)).rejects.toThrow('QUANTADB_SECRET: 64 hexadecimal digits');
  await writeFile(file, [...lines, `QUANTADB_SECRET=${'ab'.repeat(32)}`].join('\n'));
  await expect(backUpMetadata(file, undefined)).rejects.toThrow('no directory is named');
});

it('a restore says what is there again, of when it is, and what comes next', () => {
  const counts = { people: 1, hosts: 4, clusters: 1, authorityFingerprint: 'ab:cd' };
  const next = ['Next: quantadb console install /etc/quantadb/console.env'];
  expect(restoredText({ ...counts, madeAt: '2026-11-28T17:45:12.000Z', next }).split('\n')).toEqual([
    'Restored: 1 person, 4 hosts, 1 cluster, as they were at 2026-11-28T17:45:12.000Z.',
    'The authority: ab:cd',
    ...next,
  ]);
});
