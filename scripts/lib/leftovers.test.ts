import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { endLeftovers, findLeftovers, removeNamespaces } from './leftovers.mjs';

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

describe('network namespaces that a test run left behind', () => {
  it('are removed when their process is gone, and left alone while it lives', async () => {
    const ended = await startSleeper({});
    const [gone, living] = [`qdb${ended.pid}-0`, `qdb${process.pid}-0`];
    ended.kill('SIGKILL');
    await once(ended, 'exit');
    for (const name of [gone, living]) execFileSync('ip', ['netns', 'add', name]);
    try {
      const removed = removeNamespaces();
      expect(removed).toContain(gone);
      expect(removed).not.toContain(living);
      expect(execFileSync('ip', ['netns', 'list'], { encoding: 'utf8' })).not.toContain(gone);
    } finally {
      execFileSync('ip', ['netns', 'del', living]);
    }
  });
});
