import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { daemonsOf, endProcess, postmasterOf } from './leftovers.ts';

let directory: string;
const children: ChildProcess[] = [];
beforeEach(async () => {
  directory = await mkdtemp(join(process.env.QUANTADB_TEST_DIR ?? tmpdir(), 'leftovers-'));
});
afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  await rm(directory, { recursive: true, force: true });
});

async function started(file: string, args: string[], cwd: string): Promise<number> {
  const child = spawn(file, args, { cwd, stdio: ['ignore', 'pipe', 'ignore'] });
  children.push(child);
  await once(child, 'spawn');
  if (!child.pid) throw new Error('no process');
  return child.pid;
}

/** A program that says when it has started, and lives until it is told otherwise. */
async function startProgram(name: string, args: string[], body = ''): Promise<number> {
  const file = join(directory, name);
  await writeFile(file, `${body};setInterval(() => {}, 1000);console.log('up')`);
  const pid = await started(process.execPath, [file, ...args], directory);
  const output = children.at(-1)?.stdout;
  if (output) await once(output, 'data');
  return pid;
}

test('a daemon is known by its program and its configuration', async () => {
  const config = join(directory, 'host.json');
  const daemon = await startProgram('main.js', [config]);
  await startProgram('editor.js', [config]);
  expect(await daemonsOf(config)).toEqual([daemon]);
  await endProcess(daemon);
  expect(await daemonsOf(config)).toEqual([]);
});

test('a server is known by its pid file, its program and its directory', async () => {
  const dataDir = join(directory, 'data');
  await mkdir(dataDir);
  expect(await postmasterOf(dataDir)).toBeNull();
  const sleeping = join(directory, 'postgres');
  await copyFile('/bin/sleep', sleeping);
  const elsewhere = await started(sleeping, ['60'], directory);
  await writeFile(join(dataDir, 'postmaster.pid'), `${elsewhere}\n${dataDir}\n`);
  expect(await postmasterOf(dataDir)).toBeNull();
  const server = await started(sleeping, ['60'], dataDir);
  await writeFile(join(dataDir, 'postmaster.pid'), `${server}\n${dataDir}\n`);
  expect(await postmasterOf(dataDir)).toBe(server);
  await writeFile(join(dataDir, 'postmaster.pid'), `${process.pid}\n`);
  expect(await postmasterOf(dataDir)).toBeNull();
});
