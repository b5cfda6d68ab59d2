import { afterAll, beforeAll, expect, it } from 'vitest';
import { sql } from '../postgres/testing/test-cluster.ts';
import { pollUntil } from '../shared/deadline.ts';
import { RouterFixture } from './testing/router-fixture.ts';

let fixture: RouterFixture;

beforeAll(async () => {
  fixture = await RouterFixture.create();
});
afterAll(() => fixture?.cleanUp());

it('a COMMIT is told as committed when those have it that its own transaction waits for (I-ROUTER-12)', async () => {
  const { port, router } = await fixture.router();
  const options = '-c quantadb.outcome=on -c quantadb.durability=async';
  const client = await fixture.connect(port, { options });
  await client.query('CREATE TABLE written (a int)');
  const applied = await fixture.primary.supervisor.applySynchronous({
    ...{ set: { standbys: ['node-9'], count: 1 }, mode: 'quorum', mark: { clusterId: 'c1', move: 1 } },
  });
  expect(applied).toMatchObject({ ok: true });
  await client.query('BEGIN');
  await client.query("SET LOCAL synchronous_commit = 'on'");
  await client.query('INSERT INTO written VALUES (1)');
  let answer = 'none';
  const committing = client.query('COMMIT').then(
    () => {
      answer = 'done';
    },
    ({ code }: { code: string }) => {
      answer = code;
    },
  );
  const end =
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'app' AND wait_event = 'SyncRep'";
  const isEnded = async () => (await sql(fixture.primary, end)).length > 0 || undefined;
  await pollUntil(isEnded, { what: 'its server is lost while it waits', timeoutMs: 5000, intervalMs: 10 });
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect(answer).toBe('none');
  const none = {
    set: { standbys: [], count: 0 },
    mode: 'async',
    mark: { clusterId: 'c1', move: 2 },
  } as const;
  await fixture.primary.supervisor.applySynchronous({ ...none, set: { standbys: [], count: 0 } });
  await committing;
  expect(answer).toBe('done');
  expect(router.counters).toMatchObject({ resolved: 1, unresolved: 0 });
});
