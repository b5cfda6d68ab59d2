import { chmod, lstat, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { demoPaths, demoPorts, portBaseOf } from '../demo/layout.ts';
import { checkHome } from './home.ts';
import { checkPorts } from './ports.ts';
import { checkRunDirectory, makeRunDirectory } from './run-directory.ts';
import { choosePorts, runPreflight } from './run-preflight.ts';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(process.env.QUANTADB_TEST_DIR ?? tmpdir(), 'run-preflight-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

describe('the ports', () => {
  test('are those of the first start, whatever is wanted later', () => {
    expect(choosePorts(null, '18000')).toEqual({ ok: true, ports: demoPorts('18000') });
    expect(choosePorts('18000', undefined)).toEqual({ ok: true, ports: demoPorts('18000') });
    expect(choosePorts('18000', '18000')).toEqual({ ok: true, ports: demoPorts('18000') });
    expect(choosePorts(undefined, undefined)).toEqual({ ok: true, ports: demoPorts(undefined) });
    expect(choosePorts('18000', '19000')).toMatchObject({
      ok: false,
      problem: { message: expect.stringContaining('QUANTADB_PORT_BASE=18000') },
    });
    expect(choosePorts(undefined, '19000')).toMatchObject({
      ok: false,
      problem: { message: expect.stringContaining('default ports') },
    });
  });

  test('tell the base that they were made with', () => {
    for (const base of [undefined, '18000']) {
      const api = demoPorts(base).hosts['node-1'].api;
      expect(portBaseOf(`http://127.0.0.1:${api}`)).toBe(base);
    }
  });

  test('may be held by what an earlier start has left', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const port = portOf(server);
    expect(await checkPorts([port], (words) => words.length > 0)).toEqual([]);
    expect(await checkPorts([port], () => false)).toHaveLength(1);
    await new Promise((resolve) => server.close(resolve));
  });
});

describe('a run directory', () => {
  test('is made so that others may pass, and neither list nor write', async () => {
    const path = join(directory, 'run', 'node-1');
    expect(await makeRunDirectory(path)).toEqual([]);
    expect((await lstat(path)).mode & 0o777).toBe(0o711);
    expect(await makeRunDirectory(path)).toEqual([]);
  });

  test('that others may write to, or that is a link, is refused', async () => {
    const open = join(directory, 'open');
    await mkdir(open);
    await chmod(open, 0o777);
    expect(await checkRunDirectory(open)).toHaveLength(1);
    const link = join(directory, 'link');
    await symlink(directory, link);
    expect(await checkRunDirectory(link)).toHaveLength(1);
  });
});

test('a chosen home that PostgreSQL’s user cannot enter is refused with the directory in the way', async () => {
  const closed = join(directory, 'closed');
  await mkdir(closed);
  await chmod(closed, 0o700);
  const [problem] = await checkHome(join(closed, 'home'), { isRoot: true });
  expect(problem).toMatchObject({ nextStep: expect.stringContaining(`chmod o+x ${closed}`) });
  expect(await checkHome(join(closed, 'home'), { isRoot: false })).toEqual([]);
});

test('all that is in the way is told at once, and nothing was made', async () => {
  const installed = join(directory, 'installed');
  await mkdir(installed);
  const hosts = [{ name: 'node-1', api: 'http://127.0.0.1:7101', socket: '/s', config: '/c' }];
  await writeFile(
    demoPaths(installed).system,
    JSON.stringify({ version: 1, console: 'http://127.0.0.1:3000', hosts }),
  );
  const home = join(installed, 'not', 'yet');
  const start = (at: string) =>
    runPreflight({
      home: at,
      isRoot: false,
      binDir: join(directory, 'no-postgres'),
      portBase: '18000',
      allowUntested: false,
    });
  await expect(start(installed)).rejects.toMatchObject({
    code: 'PREFLIGHT_FAILED',
    message: expect.stringMatching(/PostgreSQL 15 was not found[\s\S]*made with the default ports/),
    hint: expect.stringMatching(/apt-get install[\s\S]*Unset QUANTADB_PORT_BASE/),
  });
  await expect(start(home)).rejects.toMatchObject({ code: 'PREFLIGHT_FAILED' });
  await expect(lstat(home)).rejects.toMatchObject({ code: 'ENOENT' });
});

function portOf(server: Server): number {
  const address = server.address();
  return typeof address === 'object' && address ? address.port : 0;
}
