import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setupTokenOf } from '@quantadb/engine/security/setup-token';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { consoleNodeOption } from '../console-memory.ts';
import { consoleUnitText, lacksMemory, setupOf, writeConsoleSettings } from './console-service.ts';

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(process.env.QUANTADB_TEST_DIR ?? tmpdir(), 'console-service-'));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

const settings = {
  databaseUrl: 'postgres://quantadb:p%40ss@127.0.0.1:5432/quantadb',
  publicUrl: 'https://console.example.com',
  listen: '127.0.0.1',
  port: 3000,
};

it('the settings of a console are written once, with a secret that only root may read', async () => {
  const path = await writeConsoleSettings(join(directory, 'new', 'console.env'), settings);
  const text = await readFile(path, 'utf8');
  expect(text).toMatch(/^QUANTADB_SECRET=[0-9a-f]{64}$/m);
  expect(text).toContain(`\nQUANTADB_DATABASE_URL=${settings.databaseUrl}\n`);
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  await expect(writeConsoleSettings(path, settings)).rejects.toThrow('is there already');
  expect(await readFile(path, 'utf8')).toBe(text);
  const token = setupTokenOf(/QUANTADB_SECRET=(\w+)/.exec(text)?.[1] ?? '');
  expect(await setupOf(path)).toEqual({ token, url: `https://console.example.com/setup#${token}` });
  await expect(setupOf(join(directory, 'none.env'))).rejects.toThrow('cannot be read');
});

it('a console that is run by hand gets the memory that the service gives it, unless somebody has said how much', () => {
  expect([lacksMemory([], undefined), lacksMemory(['--inspect'], '--enable-source-maps')]).toEqual([
    true,
    true,
  ]);
  expect([lacksMemory([consoleNodeOption]), lacksMemory([], '--a --max-semi-space-size=64')]).toEqual([
    false,
    false,
  ]);
});

it('the service reads the settings from their file and runs as nobody in particular', () => {
  const lines = consoleUnitText(['/usr/bin/node', '/opt/q/quantadb.mjs'], '/etc/quantadb/console.env').split(
    '\n',
  );
  expect(lines).toContain('EnvironmentFile=/etc/quantadb/console.env');
  expect(lines).toContain('ExecStart="/usr/bin/node" "/opt/q/quantadb.mjs" console run');
  expect(lines).toContain('DynamicUser=yes');
});
