import { createHmac } from 'node:crypto';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger } from '@quantadb/engine/shared/logger';
import { demoState } from '@quantadb/engine/testing/demo-state';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Hook } from '../host-config.ts';
import type { HookView } from './hook-events.ts';
import { HookRunner } from './hook-runner.ts';

let directory: string;
let runner: HookRunner | null = null;
let server: Server | null = null;
let view: HookView;
const failures: string[] = [];

beforeEach(async () => {
  directory = await mkdtemp(join(process.env.QUANTADB_TEST_DIR ?? tmpdir(), 'hooks-'));
  view = { node: 'node-1', role: 'standby', isDecider: true, state: demoState() };
  failures.length = 0;
});

afterEach(async () => {
  runner?.close();
  server?.close();
  await rm(directory, { recursive: true, force: true });
});

function start(hooks: Hook[]): void {
  const onFailure = (message: string) => failures.push(message);
  runner = new HookRunner({
    hooks,
    logger: silentLogger,
    look: () => view,
    onFailure,
    retryAfterMs: [10, 10],
  });
}

async function program(body: string, mode = 0o755): Promise<string> {
  const file = join(directory, 'hook.sh');
  await writeFile(file, `#!/bin/sh\n${body}\n`);
  await chmod(file, mode);
  return file;
}

/** Answers with these one after the other, the last one for ever. */
async function listen(
  answers: number[],
): Promise<{ url: string; got: { body: string; signature: unknown }[] }> {
  const got: { body: string; signature: unknown }[] = [];
  server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => {
      body += chunk.toString();
    });
    request.on('end', () => {
      got.push({ body, signature: request.headers['x-quantadb-signature'] });
      response.writeHead(answers[Math.min(got.length, answers.length) - 1] ?? 200).end();
    });
  });
  await new Promise<void>((resolve) => server?.listen(0, '127.0.0.1', resolve));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/told`, got };
}

test('a program is told of a change of role, in its environment and on its standard input', async () => {
  const told = join(directory, 'told');
  start([
    {
      on: ['role-change'],
      run: [await program(`{ echo "$QUANTADB_EVENT $QUANTADB_ROLE"; cat; } > ${told}`)],
    },
  ]);
  view = { ...view, role: 'primary' };
  const text = () => readFile(told, 'utf8').catch(() => '');
  await expect.poll(text, { timeout: 10_000 }).toMatch(/^role-change primary\n\{.*\}$/);
  const [, json = '{}'] = (await text()).split('\n');
  expect(JSON.parse(json)).toMatchObject({ event: 'role-change', before: 'standby', cluster: 'demo' });
  expect(failures).toEqual([]);
});

test('an address is tried again until it answers, and can check who tells', async () => {
  const { url, got } = await listen([503, 200]);
  const secretFile = join(directory, 'secret');
  await writeFile(secretFile, 'between us\n');
  start([{ on: ['role-change'], post: url, secretFile }]);
  view = { ...view, role: 'primary' };
  await expect.poll(() => got.length, { timeout: 10_000 }).toBe(2);
  const [first] = got;
  const expected = createHmac('sha256', 'between us')
    .update(first?.body ?? '')
    .digest('hex');
  expect(first?.signature).toBe(`sha256=${expected}`);
  expect(failures).toEqual([]);
});

test('what cannot be delivered is said, and keeps nothing else from being told', async () => {
  const { url } = await listen([500]);
  const told = join(directory, 'told');
  start([
    { on: ['role-change'], post: url },
    { on: ['role-change'], run: [await program(`touch ${told}; echo broken >&2; exit 3`)] },
  ]);
  view = { ...view, role: 'primary' };
  await expect.poll(() => failures.length, { timeout: 10_000 }).toBe(2);
  expect(failures.join('\n')).toMatch(/127\.0\.0\.1.* was not told of role-change: it answered with 500/);
  expect(failures.join('\n')).toMatch(/exit code 3: broken/);
});

test('a program that others may write is not run', async () => {
  start([{ on: ['role-change'], run: [await program('exit 0', 0o777)] }]);
  view = { ...view, role: 'primary' };
  await expect.poll(() => failures.join(), { timeout: 10_000 }).toMatch(/may be written by others/);
});
