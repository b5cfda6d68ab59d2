import { readFile } from 'node:fs/promises';
import type { ClusterStatus } from '@quantadb/engine/contract/status';
import { pollUntil } from '@quantadb/engine/shared/deadline';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { credentials, RealCluster } from './testing/real-cluster.ts';
import { untilOver, untilTold } from './testing/told-alerts.ts';

let cluster: RealCluster;
/** That were acknowledged by the source. */
let rows = 0;
let healthy: ClusterStatus;

beforeAll(async () => {
  const names = ['node-1', 'node-2', 'dr-1', 'dr-2', 'dr-w'];
  cluster = await RealCluster.create(names, { witnesses: ['dr-w'], routers: true });
  await cluster.startAll();
  await cluster.form('node-1', ['node-2']);
});
afterAll(() => cluster?.cleanUp());

async function on<Result>(name: string, work: (client: pg.Client) => Promise<Result>): Promise<Result> {
  const client = await cluster.connect(name);
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

/** @returns how many rows there are now, all of them acknowledged */
function write(name: string): Promise<number> {
  return on(name, async (client) => {
    await client.query('INSERT INTO ledger SELECT FROM generate_series(1, 100)');
    return rowsOf(client);
  });
}

async function rowsOf(client: pg.Client): Promise<number> {
  return (await client.query<{ n: number }>('SELECT count(*)::int AS n FROM ledger')).rows[0]?.n ?? -1;
}

/** Not more than was written either. */
function untilArrived(name: string, rows: number): Promise<true> {
  const arrived = async () => ((await on(name, rowsOf).catch(() => -1)) === rows ? true : undefined);
  return pollUntil(arrived, { what: `${rows} rows on ${name}`, timeoutMs: 60_000, intervalMs: 100 });
}

function until(
  via: string,
  what: string,
  isTrue: (status: ClusterStatus) => boolean,
): Promise<ClusterStatus> {
  const { client } = cluster.host(via);
  let last: ClusterStatus | null = null;
  const reached = async () => {
    last = await client.status().catch(() => null);
    return last && isTrue(last) ? last : undefined;
  };
  return pollUntil(reached, { what, timeoutMs: 60_000, intervalMs: 100 }).catch((error: unknown) => {
    throw new Error(`${what}: ${JSON.stringify(last)}`, { cause: error });
  });
}

/** What PostgreSQL of a node says to the certificate of a host. */
async function replicatingAs(host: string, node: string): Promise<string> {
  const { tls } = cluster.host(host).config;
  const [ca, cert, key] = await Promise.all(
    [tls.ca, tls.cert, tls.key].map((file) => readFile(file, 'utf8')),
  );
  const { port } = cluster.host(node).config.addresses.postgres ?? { port: 0 };
  const ssl = { ca, cert, key, checkServerIdentity: () => undefined };
  const who = { user: 'quantadb_replication', database: 'postgres' };
  const client = new pg.Client({ host: '127.0.0.1', port, ssl, ...who });
  client.on('error', () => undefined);
  try {
    await client.connect();
    return 'let in';
  } catch (error) {
    return (error as Error).message;
  } finally {
    await client.end().catch(() => undefined);
  }
}

const sourcePrimary = async () =>
  (await until('node-1', 'a primary', (each) => each.primary !== null)).primary ?? '';

test('a cluster follows another one, takes no writes, and both say how it stands (I-DR-2, I-MEMBER-10)', async () => {
  await on('node-1', (client) => client.query('CREATE TABLE ledger (id bigserial PRIMARY KEY)'));
  rows = await write('node-1');
  const { api } = cluster.host('node-1').config.addresses;
  const follow = {
    kind: 'create-standby-cluster' as const,
    cluster: 'dr',
    source: { node: 'node-1', ...api },
  };
  await expect(cluster.run('node-2', follow)).rejects.toThrow(/belongs to cluster demo already/);
  // A certificate of the same authority, and no host of this cluster or of one that follows it.
  expect(await replicatingAs('dr-1', 'node-1')).toMatch(/certificate authentication failed/);
  expect(await replicatingAs('node-2', 'node-1')).toBe('let in');
  await cluster.run('dr-1', follow);
  await cluster.addNode('dr-1', 'dr-2');
  await cluster.addNode('dr-1', 'dr-w');
  await untilArrived('dr-1', rows);
  await untilArrived('dr-2', rows);

  for (const name of ['dr-1', 'dr-2']) expect(await replicatingAs(name, 'node-1')).toBe('let in');
  expect(await replicatingAs('dr-w', 'node-1')).toMatch(/certificate authentication failed/);
  expect(await replicatingAs('node-2', 'dr-1')).toMatch(/certificate authentication failed/);

  // Both sides say how it stands.
  healthy = await until('dr-2', 'it follows', (status) => status.health === 'healthy');
  expect(healthy.verdict).toMatch(/^Healthy\. Follows demo, \d+ k?B/);
  expect(healthy).toMatchObject({
    primary: null,
    source: { name: 'demo', leader: 'dr-1', isStreaming: true },
  });
  await until('node-1', 'the source lists it', ({ followers }) =>
    followers.some(({ cluster: name, state }) => name === 'dr' && state === 'streaming'),
  );
  await expect(write('dr-1')).rejects.toThrow(/read-only transaction/);
  await expect(write('dr-2')).rejects.toThrow(/read-only transaction/);
  await until('dr-2', 'its router is open', ({ routers }) => routers.some(({ node }) => node === 'dr-2'));
  const router = new pg.Client({
    port: cluster.host('dr-2').config.router?.port,
    host: '127.0.0.1',
    ...credentials,
  });
  await router.connect();
  expect((await router.query('SELECT count(*)::int AS n FROM ledger')).rows).toEqual([{ n: rows }]);
  await expect(router.query('INSERT INTO ledger DEFAULT VALUES')).rejects.toMatchObject({
    code: '25006',
    message: expect.stringContaining('follows demo and takes no writes'),
  });
  await router.end();
  await expect(cluster.run('dr-1', { kind: 'promote-cluster', insist: false })).rejects.toThrow(
    /takes writes right now/,
  );
  await expect(cluster.run('dr-1', { kind: 'switchover', to: 'dr-2' })).rejects.toThrow(/follows demo/);
  const forget = { kind: 'forget-follower' as const, cluster: 'dr' };
  await expect(cluster.run('node-1', forget)).rejects.toThrow(/dr follows this cluster right now/);
});

test('it follows a failover of the source, and another node takes over when its leader is lost (I-DR-3, I-DR-5)', async () => {
  const { pids } = await cluster.host('node-1').client.node();
  process.kill(pids.postgres ?? 0, 'SIGKILL');
  await until(
    'node-1',
    'the source is open again',
    ({ timeline, health }) => timeline > healthy.timeline && health === 'healthy',
  );
  rows = await write(await sourcePrimary());
  await untilArrived('dr-1', rows);
  await untilArrived('dr-2', rows);

  // The node that streams from the source is lost; the other one goes on.
  // While nobody can take over, that is told of at the source.
  const { source } = await until('dr-w', 'somebody leads', (status) => Boolean(status.source?.leader));
  const leader = source?.leader ?? '';
  const heir = leader === 'dr-1' ? 'dr-2' : 'dr-1';
  const via = await sourcePrimary();
  // The primary is a new one, and tells of it whether or not it has seen it: WAL is kept for it.
  const { daemon } = cluster.host(heir);
  daemon?.kill('SIGSTOP');
  await cluster.killNode(leader);
  const lost = await untilTold(cluster, 'follower-lost', { via });
  expect(lost).toBe('dr does not follow demo: it is disconnected.');
  daemon?.kill('SIGCONT');
  rows = await write(await sourcePrimary());
  await untilArrived(heir, rows);
  const taken = await until('dr-w', 'the heir leads', (status) => status.source?.leader === heir);
  expect(taken.primary).toBeNull();
  await cluster.startDaemon(leader);
  await untilArrived(leader, rows);
  await until(heir, 'whole again', (status) => status.health === 'healthy');
  await untilOver(cluster, 'follower-lost', { via });

  // It goes on following with its other voters gone, but nobody could take that over.
  const others = [leader, 'dr-w'].map((name) => cluster.host(name).daemon);
  for (const each of others) each?.kill('SIGSTOP');
  const alone = await untilTold(cluster, 'no-decider', { via: heir });
  expect(alone).toMatch(/^dr follows demo and has no Raft leader/);
  for (const each of others) each?.kill('SIGCONT');
  await untilOver(cluster, 'no-decider', { via: heir });
});

test('when the source is lost a person makes it a usual cluster, with everything that had arrived (I-DR-7)', async () => {
  for (const name of ['node-1', 'node-2']) await cluster.killNode(name);
  expect(await untilTold(cluster, 'source-lost', { via: 'dr-2' })).toBe(
    'dr receives nothing from demo (silent).',
  );
  await cluster.run('dr-2', { kind: 'promote-cluster', insist: false });
  const promoted = await until('dr-2', 'it is a usual cluster', (status) => status.health === 'healthy');
  expect(promoted.source).toBeNull();
  expect(promoted.timeline).toBeGreaterThan(healthy.timeline + 1);
  const primary = promoted.primary ?? '';
  expect(await write(primary)).toBe(rows + 100);
  await untilArrived(primary === 'dr-1' ? 'dr-2' : 'dr-1', rows + 100);
  await expect(cluster.run('dr-2', { kind: 'promote-cluster', insist: true })).rejects.toThrow(
    /follows no other one/,
  );
});
