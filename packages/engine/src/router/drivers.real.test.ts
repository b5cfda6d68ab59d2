import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { application, RouterFixture } from './testing/router-fixture.ts';

// What is light to install; the benchmark `drivers` tries more of them (docs/router.md).
const light = ['pg', 'postgres.js', 'psycopg2', 'psycopg 3', 'SQLAlchemy', 'psql', 'pgbench'];
const program = fileURLToPath(new URL('../../../../bench/drivers.mjs', import.meta.url));

let fixture: RouterFixture;

beforeAll(async () => {
  fixture = await RouterFixture.create();
});
afterAll(() => fixture?.cleanUp());

it('drivers and tools work in transaction mode over fewer connections than they have', async () => {
  const { port, router } = await fixture.router({ poolSize: 2 });
  const { role, password, database } = application;
  const env = { ...process.env, PGUSER: role, PGPASSWORD: password, PGDATABASE: database };
  const args = [program, `port=${port}`, `only=${light.join()}`];
  const { stdout } = await promisify(execFile)(process.execPath, args, { env, timeout: 240_000 });
  const { results } = JSON.parse(stdout) as { results: { name: string; result: string }[] };
  expect(results.map(({ name, result }) => `${name} ${result}`)).toEqual(
    light.map((name) => `${name} passed`),
  );
  expect(router.counters.unresolved + router.counters.aborted).toBe(0);
});
