import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { findPostgres } from './find-postgres.ts';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(process.env.QUANTADB_TEST_DIR ?? tmpdir(), 'find-postgres-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

async function fakePrograms(binDir: string, version: string): Promise<string> {
  await mkdir(binDir, { recursive: true });
  for (const name of ['postgres', 'initdb', 'pg_basebackup', 'pg_controldata', 'pg_rewind']) {
    await writeFile(join(binDir, name), `#!/bin/sh\necho "postgres (PostgreSQL) ${version} (Debian)"\n`, {
      mode: 0o755,
    });
  }
  return binDir;
}

function search(options: { allowUntested?: boolean; pgConfig?: string } = {}) {
  return findPostgres({
    binDir: undefined,
    allowUntested: options.allowUntested ?? false,
    packagesDir: directory,
    pgConfig: options.pgConfig ?? join(directory, 'no-pg_config'),
  });
}

test('of several installed versions the tested one is taken', async () => {
  for (const version of ['14.1', '15.9', '17.2']) {
    await fakePrograms(join(directory, String(Number.parseInt(version, 10)), 'bin'), version);
  }
  expect(await search({ allowUntested: true })).toMatchObject({ ok: true, version: '15.9' });
});

test('pg_config leads to a PostgreSQL that is no package', async () => {
  const binDir = await fakePrograms(join(directory, 'from-source'), '15.3');
  const pgConfig = join(directory, 'pg_config');
  await writeFile(pgConfig, `#!/bin/sh\necho ${binDir}\n`, { mode: 0o755 });
  expect(await search({ pgConfig })).toEqual({ ok: true, binDir, version: '15.3' });
});

test('a wrong version is named with its path, and an untested one with the way to allow it', async () => {
  const old = await fakePrograms(join(directory, '13', 'bin'), '13.4');
  expect(await search()).toMatchObject({
    problem: { message: `PostgreSQL 13.4 in ${old} is not supported` },
  });
  const newer = await fakePrograms(join(directory, '16', 'bin'), '16.2');
  expect(await search()).toMatchObject({
    problem: {
      message: `PostgreSQL 16.2 in ${newer} has not been tested with QuantaDB`,
      nextStep: expect.stringContaining('--untested'),
    },
  });
  expect(await search({ allowUntested: true })).toMatchObject({ ok: true, version: '16.2' });
});

test('without any PostgreSQL the places that were looked at are named', async () => {
  expect(await search()).toMatchObject({
    problem: { message: expect.stringContaining(join(directory, '15', 'bin')) },
  });
});
