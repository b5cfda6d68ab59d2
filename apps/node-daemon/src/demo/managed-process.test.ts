import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ManagedProcess } from './managed-process.ts';

let directory: string;
let managed: ManagedProcess | undefined;
let troubles: string[];
beforeEach(async () => {
  directory = await mkdtemp(join(process.env.QUANTADB_TEST_DIR ?? tmpdir(), 'managed-'));
  troubles = [];
});
afterEach(async () => {
  await managed?.end();
  await rm(directory, { recursive: true, force: true });
});

async function manage(body: string, options: { restartAfterMs: number; file?: string }) {
  const program = join(directory, 'program.mjs');
  await writeFile(program, body);
  managed = new ManagedProcess({
    name: 'node-1',
    file: options.file ?? process.execPath,
    args: [program],
    logFile: join(directory, 'log'),
    restartAfterMs: options.restartAfterMs,
    onTrouble: (line) => troubles.push(line),
  });
  return managed;
}

function log(): Promise<string> {
  return readFile(join(directory, 'log'), 'utf8').catch(() => '');
}

const lasting = "console.log('up'); setInterval(() => {}, 1000);";

test('a process that ends by itself is started again', async () => {
  const program = await manage("console.log('up'); process.exit(1)", { restartAfterMs: 10 });
  await program.start();
  await expect.poll(log, { timeout: 20_000 }).toMatch(/up\nup\n/);
  expect(troubles[0]).toContain('The daemon of node-1 has ended');
});

test('one that ends in order, for a successor, is started again at once and without a word', async () => {
  const program = await manage("console.log('up')", { restartAfterMs: 3_600_000 });
  await program.start();
  await expect.poll(log, { timeout: 20_000 }).toMatch(/up\nup\n/);
  expect(troubles).toEqual([]);
});

test('after an end that was asked for nothing starts again', async () => {
  const program = await manage(lasting, { restartAfterMs: 0 });
  await program.start();
  await expect.poll(log, { timeout: 20_000 }).toBe('up\n');
  await program.end();
  expect(program.isRunning).toBe(false);
  expect(troubles).toEqual([]);
});

test('a process that does not hear SIGTERM is killed', async () => {
  const program = await manage(`process.on('SIGTERM', () => {}); ${lasting}`, { restartAfterMs: 0 });
  await program.start();
  await expect.poll(log, { timeout: 20_000 }).toBe('up\n');
  await program.end(0);
  expect(program.isRunning).toBe(false);
});

test('a program that cannot be started is an error', async () => {
  const program = await manage('', { restartAfterMs: 0, file: join(directory, 'nothing') });
  await expect(program.start()).rejects.toMatchObject({ code: 'ENOENT' });
  expect(program.isRunning).toBe(false);
});
