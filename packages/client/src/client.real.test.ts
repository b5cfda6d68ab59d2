import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { adminPassword, TestConsole, TestDatabase } from '@quantadb/api/testing/test-control-plane';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { QuantaClient } from './client.ts';

let database: TestDatabase;
let instance: TestConsole;
let client: QuantaClient;
let token: string;

beforeAll(async () => {
  database = await TestDatabase.start();
  instance = await TestConsole.start(database);
  const body = { name: 'Ada', email: 'admin@example.com', password: adminPassword };
  await instance.call('POST', '/api/v1/setup', { body });
  const as = await instance.signIn(body.email);
  const made = await instance.call('POST', '/api/v1/tokens', { as, body: { name: 'client', role: 'admin' } });
  token = made.body.token;
  client = new QuantaClient({ url: instance.url, token });
});

afterAll(async () => {
  await instance?.close();
  await database?.stop();
});

test('what the console answers is what the types say, and what it refuses is a problem with its code', async () => {
  expect(await client.get('/clusters')).toEqual([]);
  const made = await client.post('/tokens', {
    body: { name: 'once', role: 'viewer' },
    once: 'a-key-of-mine',
  });
  const again = await client.post('/tokens', {
    body: { name: 'once', role: 'viewer' },
    once: 'a-key-of-mine',
  });
  expect(again).toEqual(made);
  const actions = [];
  for await (const { action } of client.pages('/audit', { params: { query: { limit: 1 } } }))
    actions.push(action);
  expect(actions.filter((action) => action === 'create-token')).toHaveLength(2);
  await client.delete('/tokens/{id}', { params: { path: { id: made.id } } });
  const gone = client.get('/clusters/{clusterId}', { params: { path: { clusterId: randomUUID() } } });
  await expect(gone).rejects.toMatchObject({ name: 'ProblemError', status: 404, code: 'NOT_FOUND' });
  const wrong = client.post('/tokens', { body: { name: '', role: 'viewer' } });
  await expect(wrong).rejects.toMatchObject({ code: 'INPUT_INVALID', issues: [{ path: 'name' }] });
});

test('the end of an operation is waited for, also when the console has yet to hear of it', async () => {
  const clusterId = randomUUID();
  const id = randomUUID();
  const seen: string[] = [];
  let ending: Promise<unknown> = Promise.resolve();
  const waiting = client.waitForOperation(id, {
    timeoutMs: 20_000,
    onProgress: ({ state }) => {
      // It ends once somebody has seen it run.
      if (seen.push(state) === 1)
        ending = database.run(`UPDATE operation SET state = 'done', ended_at = now()`);
    },
  });
  await database.run(`INSERT INTO cluster (id, name) VALUES ($1, 'demo')`, [clusterId]);
  await database.run(
    `INSERT INTO operation (id, cluster_id, kind, params, state, requested_by, reason, steps, started_at)
     VALUES ($1, $2, 'switchover', '{}', 'running', 'Ada', '', '[]', now())`,
    [id, clusterId],
  );
  expect(await waiting).toMatchObject({ id, state: 'done', cluster: 'demo' });
  await ending;
  expect(seen[0]).toBe('running');
});

test('the example of the README runs', async () => {
  const readme = await readFile(new URL('../README.md', import.meta.url), 'utf8');
  const example = /```js\n([\s\S]*?)```/.exec(readme)?.[1] ?? '';
  // Beside the package, so that it is found by its name.
  const file = new URL('../dist/example.mjs', import.meta.url);
  await writeFile(file, example);
  try {
    const env = { ...process.env, QUANTADB_CONSOLE: instance.url, QUANTADB_TOKEN: token };
    const { stdout } = await promisify(execFile)(process.execPath, [file.pathname], { env, timeout: 30_000 });
    expect(stdout).toContain('create-token');
  } finally {
    await rm(file);
  }
});
