import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { checkDisk } from './disk.ts';
import { findPostgres } from './find-postgres.ts';
import { chooseHome, rootHome } from './home.ts';
import { acquireLock } from './lock.ts';
import { checkPorts } from './ports.ts';
import { refuseAll } from './problem.ts';
import { runDirectoryOf } from './run-directory.ts';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(process.env.QUANTADB_TEST_DIR ?? tmpdir(), 'preflight-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

async function fakePostgres(version: string, programs: string[]): Promise<string> {
  const binDir = join(directory, version);
  await mkdir(binDir);
  for (const name of programs) {
    await writeFile(join(binDir, name), `#!/bin/sh\necho "postgres (PostgreSQL) ${version}"\n`);
    await chmod(join(binDir, name), 0o755);
  }
  return binDir;
}

const programs = ['postgres', 'initdb', 'pg_basebackup', 'pg_controldata', 'pg_rewind'];

describe('PostgreSQL', () => {
  test.each([
    ['14.2', false, /14\.2 .* is not supported/],
    ['17.1', false, /17\.1 .* not been tested/],
    ['19.0', true, /19\.0 .* is not supported/],
  ])('%s (untested allowed: %s)', async (version, allowUntested, expected) => {
    const binDir = await fakePostgres(version, programs);
    const found = await findPostgres({ binDir, allowUntested });
    expect(found).toMatchObject({ ok: false, problem: { message: expect.stringMatching(expected) } });
  });

  test('an untested version is taken when that was asked for', async () => {
    const binDir = await fakePostgres('17.1', programs);
    expect(await findPostgres({ binDir, allowUntested: true })).toEqual({
      ok: true,
      binDir,
      version: '17.1',
    });
  });

  test('what is missing is named, with the command that installs it', async () => {
    const binDir = await fakePostgres('15.9', programs.slice(0, 3));
    expect(await findPostgres({ binDir, allowUntested: false })).toMatchObject({
      ok: false,
      problem: {
        message: expect.stringContaining('pg_controldata, pg_rewind'),
        nextStep: expect.stringContaining('apt-get install'),
      },
    });
    const none = await findPostgres({ binDir: join(directory, 'nothing'), allowUntested: false });
    expect(none).toMatchObject({ ok: false, problem: { message: expect.stringContaining('was not found') } });
  });
});

test('a taken port is named with its holder', async () => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address ? address.port : 0;
  const [problem] = await checkPorts([port]);
  expect(problem?.message).toContain(`port ${port} is taken by`);
  expect(problem?.message).toContain(`(pid ${process.pid})`);
  await new Promise((resolve) => server.close(resolve));
  expect(await checkPorts([port])).toEqual([]);
});

test('a disk without room says how much there is', async () => {
  expect(await checkDisk(join(directory, 'not/there/yet'), 1)).toEqual([]);
  const [problem] = await checkDisk(directory, Number.MAX_SAFE_INTEGER);
  expect(problem?.message).toMatch(/has [\d.]+ GB free, and [\d.]+ GB are needed/);
});

describe('the home', () => {
  test('stays in the repository unless root’s PostgreSQL could not enter it', async () => {
    const closed = join(directory, 'closed');
    await mkdir(join(closed, 'repository'), { recursive: true });
    await chmod(closed, 0o700);
    const repository = join(closed, 'repository');
    expect(await chooseHome({ wanted: undefined, repository, isRoot: false })).toEqual({
      path: join(repository, '.quantadb'),
      note: null,
    });
    const moved = await chooseHome({ wanted: undefined, repository, isRoot: true });
    expect(moved).toMatchObject({ path: rootHome, note: expect.stringContaining('cannot enter') });
    expect(await chooseHome({ wanted: '/srv/q', repository, isRoot: true })).toEqual({
      path: '/srv/q',
      note: null,
    });
  });

  test('sockets get a short directory when the usual one is too deep', () => {
    expect(runDirectoryOf('/var/lib/quantadb', 'node-1')).toBe('/var/lib/quantadb/run/node-1');
    const deep = runDirectoryOf(`/srv/${'x'.repeat(90)}`, 'node-1');
    expect(Buffer.byteLength(`${deep}/pg/.s.PGSQL.65535.lock`)).toBeLessThanOrEqual(107);
    expect(runDirectoryOf(`/srv/${'x'.repeat(90)}`, 'node-2')).not.toBe(deep);
  });
});

describe('the lock', () => {
  test('is refused while its holder lives, and free after', async () => {
    const path = join(directory, 'lock');
    const lock = await acquireLock(path);
    await expect(acquireLock(path)).rejects.toMatchObject({
      code: 'PREFLIGHT_FAILED',
      message: expect.stringContaining(`pid ${process.pid}`),
    });
    await lock.release();
    const again = await acquireLock(path);
    expect(again.note).toBeNull();
  });

  test('of a dead process, and of one whose pid was reused, is taken over', async () => {
    const path = join(directory, 'lock');
    await writeFile(path, JSON.stringify({ pid: process.pid, startTime: '1' }));
    expect((await acquireLock(path)).note).toContain('is gone');
    expect(JSON.parse(await readFile(path, 'utf8'))).toMatchObject({ pid: process.pid });
  });
});

test('all problems are told at once, each with its next step', () => {
  const problems = [
    { message: 'port 1 is taken', nextStep: 'free it' },
    { message: 'no room', nextStep: 'make room' },
  ];
  expect(() => refuseAll(problems)).toThrow('port 1 is taken\nno room');
  expect(() => refuseAll([])).not.toThrow();
});
