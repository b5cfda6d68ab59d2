import { spawn } from 'node:child_process';
import { mkdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { withFreshConnection } from '@quantadb/engine/postgres/connection';
import { pollUntil } from '@quantadb/engine/shared/deadline';
import { freePort } from '@quantadb/engine/testing/free-port';
import pg from 'pg';
import { expect, test } from 'vitest';
import { Bundle } from './diagnosis/bundle.ts';
import { judgeDiagnosis } from './diagnosis/findings.ts';
import { collectFromDaemons } from './diagnosis/from-daemons.ts';
import { PlainServer } from './testing/plain-server.ts';
import { credentials } from './testing/real-cluster.ts';
import { sharedCluster } from './testing/shared-cluster.ts';
import { untilTold } from './testing/told-alerts.ts';

const names = ['node-1', 'node-2', 'node-3'];
const shared = sharedCluster(names, { routers: true });

/** As the superuser, on the host itself. */
function query<Row>(name: string, text: string): Promise<Row[]> {
  const cluster = shared();
  const place = { runDir: join(cluster.host(name).config.runDir, 'pg'), port: cluster.portOf(name) };
  return withFreshConnection(place, { what: text, timeoutMs: 60_000 }, async (client) => {
    return (await client.query(text)).rows as Row[];
  });
}

async function restartOf(name: string, slot: string): Promise<string | null> {
  const rows = await query<{ at: string | null }>(
    name,
    `SELECT restart_lsn::text AS at FROM pg_replication_slots WHERE slot_name = '${slot}'`,
  );
  return rows[0]?.at ?? null;
}

async function others(): Promise<{ primary: string; standbys: string[] }> {
  const { name: primary } = await shared().primary();
  return { primary, standbys: names.filter((name) => name !== primary) };
}

function untilSlot(name: string, slot: string, is: (at: string | null) => boolean): Promise<true> {
  const reached = async () => (is(await restartOf(name, slot)) ? true : undefined);
  return pollUntil(reached, { what: `${slot} on ${name}`, timeoutMs: 20_000, intervalMs: 200 });
}

/** WAL that fills segments, and removes what nobody keeps, on every node that is there. */
async function turnOver(primary: string, standbys: string[]): Promise<void> {
  await query(primary, 'CREATE TABLE IF NOT EXISTS bulk (filler text)');
  for (let round = 0; round < 6; round += 1) {
    await query(primary, 'INSERT INTO bulk SELECT repeat(md5(n::text), 100) FROM generate_series(1, 6000) n');
    const [row] = await query<{ lsn: string }>(primary, 'SELECT pg_switch_wal()::text AS lsn');
    await query(primary, 'CHECKPOINT');
    for (const name of standbys) {
      const hasReplayed = async () => {
        const [seen] = await query<{ done: boolean }>(
          name,
          `SELECT pg_last_wal_replay_lsn() > '${row?.lsn}'::pg_lsn AS done`,
        );
        return seen?.done ? true : undefined;
      };
      await pollUntil(hasReplayed, { what: `${name} replays`, timeoutMs: 30_000, intervalMs: 50 });
      await query(name, 'CHECKPOINT');
    }
  }
}

test('I-SLOT-1: a slot of the user’s is on every node, follows its consumer, survives a switchover, and goes when it is dropped', async () => {
  const cluster = shared();
  const { primary, standbys } = await others();
  await query(primary, "SELECT pg_create_physical_replication_slot('consumer', true)");
  await query(standbys[0] ?? '', "SELECT pg_create_physical_replication_slot('made_here', true)");
  for (const name of standbys) await untilSlot(name, 'consumer', (at) => at !== null);
  await query(primary, 'CREATE TABLE moved AS SELECT generate_series(1, 10000) AS n');
  await query(primary, "SELECT pg_replication_slot_advance('consumer', pg_current_wal_lsn())");
  const at = await restartOf(primary, 'consumer');
  for (const name of standbys) await untilSlot(name, 'consumer', (found) => found === at);
  await cluster.run(primary, { kind: 'switchover', to: standbys[0] ?? '' });
  await cluster.untilHealthy();
  expect(await restartOf(standbys[0] ?? '', 'consumer')).toBe(at);
  await query(standbys[0] ?? '', "SELECT pg_drop_replication_slot('consumer')");
  for (const name of [primary, standbys[1] ?? ''])
    await untilSlot(name, 'consumer', (found) => found === null);
  expect(await restartOf(standbys[0] ?? '', 'made_here')).not.toBeNull();
  await query(standbys[0] ?? '', "SELECT pg_drop_replication_slot('made_here')");
});

test('I-SYNC-11: a replication client that calls itself like a standby is ended, and somebody is told', async () => {
  const cluster = shared();
  const { primary, standbys } = await others();
  const [name = ''] = standbys;
  await query(primary, "CREATE ROLE reader LOGIN REPLICATION PASSWORD 'reads'");
  const port = cluster.portOf(primary);
  const place = { host: '127.0.0.1', port, user: 'reader', password: 'reads', database: 'app' };
  const options = { application_name: name.toUpperCase(), replication: 'database' };
  const client = new pg.Client({ ...place, ...options } as pg.ClientConfig);
  await client.connect();
  client.on('error', () => undefined);
  await client.query('CREATE_REPLICATION_SLOT passing TEMPORARY LOGICAL test_decoding');
  await expect(client.query('START_REPLICATION SLOT passing LOGICAL 0/0')).rejects.toThrow(/terminat/i);
  const told = async () =>
    (await cluster.host(primary).client.events(0)).find(({ kind }) => kind === 'impostor');
  const event = await pollUntil(told, { what: 'the event', timeoutMs: 20_000, intervalMs: 100 });
  expect(event).toMatchObject({
    severity: 'critical',
    message: expect.stringContaining(`called itself ${name}`),
  });
  await cluster.untilHealthy();
  await query(primary, 'DROP ROLE reader');
});

test('I-SLOT-2: after a failover a standby that was away finds the WAL it needs on the new primary', async () => {
  const cluster = shared();
  const { primary, standbys } = await others();
  const [away = '', heir = ''] = standbys;
  const keep = { wal_keep_size: '0', max_wal_size: '64MB', min_wal_size: '32MB' };
  await cluster.run(primary, { kind: 'set-parameters', parameters: keep });
  const slot = `quantadb_${away.replaceAll('-', '_')}`;
  await untilSlot(heir, slot, (at) => at !== null);
  await cluster.killNode(away);
  await turnOver(primary, [heir]);
  const [first] = await query<{ segments: number }>(
    heir,
    `SELECT count(*)::int AS segments FROM pg_ls_waldir() WHERE name ~ '^[0-9A-F]{24}$'`,
  );
  expect(first?.segments).toBeGreaterThan(6);
  await cluster.killNode(primary);
  await cluster.startDaemon(away);
  await cluster.until('the heir is primary', (status) => status.primary === heir);
  const streams = ({ nodes }: { nodes: { name: string; state: string }[] }) =>
    nodes.find(({ name }) => name === away)?.state === 'streaming';
  await cluster.until('the one that was away streams', streams);
  const events = (await cluster.host(heir).client.events(0)).map((event) => event.message);
  expect(events.filter((message) => message.startsWith(`${away} starts over`))).toEqual([]);
  await cluster.startDaemon(primary);
  await cluster.untilHealthy();
});

/** Thirty sessions, the first of which has forgotten to end its transaction. */
async function expectFullHouse(node: string): Promise<void> {
  const cluster = shared();
  const sessions = await Promise.all(Array.from({ length: 30 }, () => cluster.connect(node)));
  await sessions[0]?.query('BEGIN; SELECT count(*) FROM pg_class');
  const told = (rule: string, limits: Record<string, number>) =>
    untilTold(cluster, rule, { via: node, limits });
  const [many, long, little] = await Promise.all([
    told('connections-used-up', { used: 25 }),
    told('long-transaction', { minutes: 1 / 60 }),
    // All that is in use is the cause; how little is left is the machine's own affair.
    told('memory-low', { available: 100 }),
  ]);
  expect(many).toMatch(new RegExp(`^${node} of demo has 3\\d of 100 possible sessions`));
  expect(long).toContain('1 session holds one open and does nothing');
  expect(little).toMatch(/ memory left\.$/);
  await Promise.all(sessions.map((session) => session.end()));
}

test('a slot whose consumer is away for too long is told of', async () => {
  const cluster = shared();
  const { primary, standbys } = await others();
  await cluster.run(primary, {
    kind: 'set-parameters',
    parameters: {
      wal_keep_size: '0',
      max_wal_size: '64MB',
      min_wal_size: '32MB',
      max_slot_wal_keep_size: '32MB',
    },
  });
  await query(primary, "SELECT pg_create_physical_replication_slot('absent', true)");
  const keeps = untilTold(cluster, 'slot-keeps-wal', { via: primary, limits: { bytes: 4 * 1024 ** 2 } });
  const crowded = expectFullHouse(primary);
  await turnOver(primary, standbys);
  expect(await keeps).toMatch(/^A slot on node-\d of demo keeps .* of WAL \(limit 4[.]0 MB\)/);
  await crowded;
  const told = async () =>
    (await cluster.host(primary).client.events(0)).find(
      ({ message }) => message.includes('slot absent') && message.includes('of no more use'),
    );
  await pollUntil(told, { what: 'the event', timeoutMs: 20_000, intervalMs: 200 });
  await query(primary, "SELECT pg_drop_replication_slot('absent')");
});

/** PostgreSQL's own consumer, until it is stopped; and the numbers that it has written down, in order. */
function consumer(name: string, part: string): { seen(): Promise<number[]>; stop(): Promise<void> } {
  const cluster = shared();
  const { config, directory } = cluster.host(name);
  const file = join(directory, `feed-${part}.txt`);
  const place = ['-h', join(config.runDir, 'pg'), '-p', String(cluster.portOf(name)), '-U', 'quantadb'];
  const command = ['-d', 'postgres', '--slot', 'feed', '--start', '-f', file, '-F', '1', '-s', '1'];
  const receiver = spawn(join(config.binDir, 'pg_recvlogical'), [...place, ...command], { stdio: 'ignore' });
  const ended = new Promise<void>((resolve) => receiver.on('close', () => resolve()));
  return {
    seen: async () => {
      const text = await readFile(file, 'utf8').catch(() => '');
      return [...text.matchAll(/table public\.fed: INSERT: n\[integer\]:(\d+)/g)].map(([, n]) => Number(n));
    },
    stop: async () => {
      receiver.kill('SIGTERM');
      await ended;
    },
  };
}

function untilReady(standbys: string[]): Promise<true> {
  const ready = async () => {
    for (const name of standbys) {
      // It restarts meanwhile.
      if ((await restartOf(name, 'feed').catch(() => null)) === null) return undefined;
      const { slotsNotReady } = await shared().host(name).client.node();
      if (slotsNotReady === undefined || slotsNotReady.length > 0) return undefined;
    }
    return true as const;
  };
  return pollUntil(ready, { what: 'every standby is ready', timeoutMs: 120_000, intervalMs: 500 });
}

/** A server outside of the cluster that subscribes to `followed`, through whichever router answers. */
async function subscriber(primary: string): Promise<PlainServer> {
  const cluster = shared();
  const { config, directory } = cluster.host('node-1');
  const postgres = { host: '127.0.0.1', port: await freePort() };
  const dataDir = join(directory, 'subscriber/data');
  await mkdir(dirname(dataDir), { recursive: true });
  const server = new PlainServer({ ...config, dataDir, addresses: { ...config.addresses, postgres } });
  await server.create(['wal_retrieve_retry_interval = 500'], []);
  await server.start();
  await query(primary, 'CREATE TABLE followed (n int PRIMARY KEY)');
  await query(primary, 'CREATE PUBLICATION shipped FOR TABLE followed');
  await query(primary, `CREATE ROLE shipping LOGIN REPLICATION PASSWORD '${credentials.password}'`);
  await query(primary, 'GRANT SELECT ON followed TO shipping');
  await server.sql('CREATE TABLE followed (n int PRIMARY KEY)');
  const ports = names.map((name) => cluster.host(name).config.router?.port).join(',');
  const place = `host=127.0.0.1,127.0.0.1,127.0.0.1 port=${ports} dbname=postgres`;
  const login = `user=shipping password=''${credentials.password}'' connect_timeout=5`;
  await server.sql(`CREATE SUBSCRIPTION shipped CONNECTION '${place} ${login}' PUBLICATION shipped`);
  return server;
}

test('I-SLOT-3, I-SLOT-4: a logical consumer sees every row in order across a switchover and the death of a primary; a SUBSCRIPTION too, through the routers', async () => {
  const cluster = shared();
  const { primary: first, standbys } = await others();
  await query(first, 'CREATE TABLE fed (n int)');
  await query(first, "SELECT pg_create_logical_replication_slot('feed', 'test_decoding')");
  const follower = await subscriber(first);
  let last = 0;
  const feed = async (name: string, part: string) => {
    const receiver = consumer(name, part);
    const until = last + 50;
    for (let n = last + 1; n <= until; n += 1) {
      await query(name, `INSERT INTO fed VALUES (${n}); INSERT INTO followed VALUES (${n})`);
    }
    const all = async () => ((await receiver.seen()).at(-1) === until ? true : undefined);
    await pollUntil(all, { what: `the rows of ${part}`, timeoutMs: 30_000, intervalMs: 200 });
    const seen = await receiver.seen();
    // Rows that came before may come again, from one of them on; none is left out.
    const from = seen[0] ?? 0;
    expect(from).toBeLessThanOrEqual(last + 1);
    expect(seen).toEqual(Array.from({ length: until - from + 1 }, (_, index) => from + index));
    const hasFollowed = async () =>
      (await follower.sql('SELECT count(*), max(n) FROM followed')) === `${until}|${until}`
        ? true
        : undefined;
    await pollUntil(hasFollowed, {
      what: `the subscription has the rows of ${part}`,
      timeoutMs: 60_000,
      intervalMs: 200,
    });
    last = until;
    return receiver;
  };
  const before = await feed(first, 'first');
  await untilReady(standbys);
  const heir = standbys[0] ?? '';
  await cluster.run(first, { kind: 'switchover', to: heir });
  await before.stop();
  await cluster.untilHealthy();
  const second = await feed(heir, 'second');
  await untilReady(names.filter((name) => name !== heir));
  await cluster.killNode(heir);
  await second.stop();
  await cluster.until('another primary', (status) => status.primary !== heir && status.primary !== null);
  const { primary: third } = await others();
  const end = await feed(third, 'third');
  await end.stop();
  await cluster.startDaemon(heir);
  await cluster.untilHealthy();
  await query(third, "SELECT pg_drop_replication_slot('feed')");
  await follower.sql('DROP SUBSCRIPTION shipped');
  await follower.stop();
  for (const name of names) await untilSlot(name, 'feed', (at) => at === null);
  for (const name of names) await untilSlot(name, 'shipped', (at) => at === null);
  const feedback = async () => {
    const settings = await Promise.all(
      names.map((name) => query<{ hot_standby_feedback: string }>(name, 'SHOW hot_standby_feedback')),
    );
    const standbys = settings.filter((_, index) => names[index] !== third);
    return standbys.every(([row]) => row?.hot_standby_feedback === 'off') ? true : undefined;
  };
  await pollUntil(feedback, { what: 'no feedback any more', timeoutMs: 20_000, intervalMs: 200 });
}, 240_000);

test('I-SLOT-4: a promotion keeps no copy of a logical slot that is not ready, and says so', async () => {
  const cluster = shared();
  const { primary, standbys } = await others();
  const heir = standbys[0] ?? '';
  // Nobody consumes it: its copy was made before its catalog rows were kept for it, and never gets past that.
  await query(primary, "SELECT pg_create_logical_replication_slot('idle', 'test_decoding')");
  const hasCopy = async () => {
    const isHere = (await restartOf(heir, 'idle').catch(() => null)) !== null;
    const { slotsNotReady } = await cluster.host(heir).client.node();
    return isHere && slotsNotReady?.some(({ name }) => name === 'idle') ? true : undefined;
  };
  await pollUntil(hasCopy, {
    what: `a copy on ${heir} that is not ready`,
    timeoutMs: 90_000,
    intervalMs: 500,
  });
  await cluster.untilHealthy();
  await cluster.run(primary, { kind: 'switchover', to: heir });
  await cluster.untilHealthy();
  expect(await restartOf(heir, 'idle')).toBeNull();
  const isTold = async () =>
    (await cluster.host(heir).client.events(0)).some(
      ({ kind, message }) => kind === 'logical-slot-dropped' && message.includes('idle'),
    ) || undefined;
  await pollUntil(isTold, { what: 'an event of the dropped slot', timeoutMs: 20_000, intervalMs: 200 });
  await untilSlot(primary, 'idle', (at) => at === null);
}, 240_000);

test('I-DIAG-1: of a whole cluster everything is collected, and no key of a host is in it', async () => {
  const cluster = shared();
  const bundle = new Bundle([]);
  const daemons = async () => names.map((name) => ({ name, client: cluster.host(name).client }));
  await collectFromDaemons(bundle, { daemons });
  expect(bundle.unanswered).toEqual([]);
  expect(bundle.clusters[0]?.hosts.map(({ name }) => name).sort()).toEqual(names);
  const findings = judgeDiagnosis({ ...bundle, nowMs: Date.now() });
  expect(findings.filter(({ severity }) => severity === 'critical')).toEqual([]);
  const all = bundle.files.map(({ content }) => content.toString()).join('\n');
  expect(all).not.toContain('PRIVATE KEY');
  const { tls } = cluster.host('node-1').config;
  const key = (await readFile(tls.key, 'utf8')).split('\n')[1] ?? '';
  expect(key.length).toBeGreaterThan(20);
  expect(all).not.toContain(key);
});
