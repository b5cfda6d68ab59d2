import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { io, type Socket } from 'socket.io-client';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Balancer, ConsoleProcess } from './testing/console-process.ts';
import { adminPassword, ConsoleClient, TestDatabase } from './testing/test-control-plane.ts';
import { TestHost } from './testing/test-host.ts';

/** Consoles are processes here, and SIGKILL comes at the worst moment. */

const cluster = { id: '0195a5a4-0000-7000-8000-000000000009', name: 'demo' };
const patience = { timeout: 20_000, interval: 50 };
let database: TestDatabase;
let balancer: Balancer;
let blocker: pg.Client;
let consoles: ConsoleProcess[] = [];
let browser: Socket | undefined;
let host: TestHost | undefined;

beforeAll(async () => {
  database = await TestDatabase.start();
  balancer = await Balancer.start(() => consoles);
  blocker = new pg.Client({ connectionString: database.url });
  await blocker.connect();
});

afterAll(async () => {
  browser?.close();
  host?.close();
  for (const each of consoles) await each.kill();
  balancer?.close();
  await blocker?.end();
  await database?.stop();
});

/** Sessions that wait for what the blocker holds. */
async function waiting(): Promise<number[]> {
  const sql =
    "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()";
  return (await database.ask(sql)).rows.map(({ pid }) => Number(pid));
}

async function begin(): Promise<ConsoleProcess> {
  const made = await ConsoleProcess.begin(database, balancer.url);
  consoles.push(made);
  return made;
}

/** A console is killed while it makes a table, whose name somebody else has taken for as long as that lasts. */
async function killWhileItMakes(table: string, isServerKilledToo: boolean): Promise<void> {
  await blocker.query(`BEGIN; CREATE TABLE "${table}" ()`);
  const console = await begin();
  await expect.poll(waiting, patience).toHaveLength(1);
  const [pid] = await waiting();
  await console.kill();
  consoles = [];
  if (isServerKilledToo) await database.run('SELECT pg_terminate_backend($1)', [pid]);
  await blocker.query('ROLLBACK');
}

test('I-META-2: a console that is killed in the middle of a migration leaves nothing half done, and the next one ends it', async () => {
  // Once its statements end with it, once the server carries them out all the same.
  await killWhileItMakes('cluster_event', true);
  expect(await database.run("SELECT to_regclass('host') AS host")).toEqual([{ host: null }]);
  await killWhileItMakes('alert_route', false);
  await (await begin()).untilAnswers();
  const { rows } = await database.ask(
    `SELECT migration_name AS name, count(*) FILTER (WHERE finished_at IS NOT NULL)::int AS finished,
       count(*) FILTER (WHERE finished_at IS NULL AND rolled_back_at IS NULL)::int AS open
     FROM _prisma_migrations GROUP BY migration_name`,
  );
  expect(rows.length).toBeGreaterThan(8);
  expect(rows.filter(({ finished, open }) => finished !== 1 || open !== 0)).toEqual([]);
});

/** Connects anew, through the address that everybody uses, until some console answers. */
async function connected(): Promise<TestHost> {
  const dial = async () =>
    host?.connect({ url: balancer.url }).then(
      () => true,
      () => false,
    );
  await expect.poll(dial, patience).toBe(true);
  if (!host) throw new Error('no host');
  return host;
}

test('I-META-3: of two consoles one is killed while it writes history: browsers go on at the other one, and nothing is missing or there twice', async () => {
  await (await begin()).untilAnswers();
  const client = new ConsoleClient(balancer.url);
  const person = { name: 'Ada', email: 'admin@example.com', password: adminPassword };
  await client.call('POST', '/api/v1/setup', { body: person });
  const admin = await client.signIn(person.email);
  host = await TestHost.enrol(client, admin, 'node-1');
  const first = await connected();
  const events: object[] = [];
  let told = 0;
  let revision = 0;
  /** As a daemon does it: from the first event on that the console has not confirmed. */
  const report = async () => {
    revision += 1;
    const about = { atMs: Date.now(), severity: 'info', kind: 'test', node: null };
    events.push({ id: revision, message: `Event ${revision}.`, ...about });
    const upTo = await first.report(cluster, { revision, events: events.slice(told) });
    if (upTo !== null) told = upTo;
    await delay(100);
    return upTo;
  };
  await report();
  await report();

  const verdicts: string[] = [];
  browser = io(`${balancer.url}/live`, {
    transports: ['websocket'],
    extraHeaders: { cookie: admin, origin: balancer.url },
    ...{ reconnectionDelay: 100, reconnectionDelayMax: 300 },
  });
  const live: unknown[] = [];
  browser.on('connect', () => live.push(null));
  browser.on('status', ({ status }: { status: { verdict: string } }) => verdicts.push(status.verdict));
  await expect.poll(() => live.length, patience).toBe(1);
  await report();
  await expect.poll(() => verdicts.at(-1), patience).toBe('Revision 3.');

  await blocker.query('BEGIN; LOCK TABLE metric_sample IN SHARE MODE');
  await report();
  await expect.poll(waiting, patience).toHaveLength(1);
  await report();
  await consoles.shift()?.kill();
  await report();
  await blocker.query('ROLLBACK');
  host.close();
  await connected();
  await expect.poll(async () => (await report()) === revision, patience).toBe(true);
  await expect.poll(() => live.length, patience).toBe(2);
  await report();
  await expect.poll(() => verdicts.at(-1), patience).toBe(`Revision ${revision}.`);

  const samples = 'SELECT at, count(*)::int AS nodes FROM metric_sample GROUP BY at';
  const seconds = async () => {
    await report();
    return (await database.run(samples)).length;
  };
  await expect.poll(seconds, patience).toBeGreaterThan(2);
  const { body } = await client.call('GET', `/api/v1/clusters/${cluster.id}/events?limit=200`, { as: admin });
  const ids = (body as { id: number }[]).map(({ id }) => id).sort((left, right) => left - right);
  expect(ids).toEqual(Array.from({ length: revision }, (_, index) => index + 1));
  // Both nodes of a second, or none, and no node twice.
  expect((await database.ask(samples)).rows.filter(({ nodes }) => nodes !== 2)).toEqual([]);
});
