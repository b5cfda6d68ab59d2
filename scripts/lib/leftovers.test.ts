import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { endLeftovers, findLeftovers } from './leftovers.mjs';

let directory: string;
let child: ChildProcess | null = null;

beforeEach(async () => {
  directory = await mkdtemp(join(process.env.QUANTADB_TEST_DIR ?? tmpdir(), 'left-'));
});

afterEach(async () => {
  child?.kill('SIGKILL');
  child = null;
  await rm(directory, { recursive: true });
});

async function startSleeper(options: { cwd?: string; env?: NodeJS.ProcessEnv }): Promise<ChildProcess> {
  child = spawn('sleep', ['600'], { stdio: 'ignore', env: { PATH: process.env.PATH }, ...options });
  await once(child, 'spawn');
  return child;
}

describe('processes that a test run left behind', () => {
  it('are known by their environment, and killed', async () => {
    const variable = `MARK=${directory}-by-environment`;
    const sleeper = await startSleeper({ env: { PATH: process.env.PATH, MARK: variable.slice(5) } });
    const exit = once(sleeper, 'exit');
    const killed = await endLeftovers({ variable, directory: `${directory}/none` }, 0);
    expect(killed).toEqual([{ pid: sleeper.pid, command: 'sleep 600' }]);
    expect((await exit)[1]).toBe('SIGKILL');
  });

  it('are known by the directory they work in, when they cleaned their environment', async () => {
    const sleeper = await startSleeper({ cwd: directory, env: {} });
    const found = findLeftovers({ variable: 'MARK=absent', directory });
    expect(found.map(({ pid }) => pid)).toEqual([sleeper.pid]);
  });

  it('are none when everything ended', () => {
    expect(findLeftovers({ variable: `MARK=${directory}`, directory })).toEqual([]);
  });
});
