import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { PlainServer } from './testing/plain-server.ts';
import { credentials, RealCluster } from './testing/real-cluster.ts';
import { untilTold } from './testing/told-alerts.ts';

let cluster: RealCluster | null = null;

afterEach(async () => {
  await cluster?.cleanUp();
  cluster = null;
});

const settings = [
  "work_mem = '7MB'",
  'max_connections = 60',
  "listen_addresses = '127.0.0.1'",
  "log_line_prefix = '%m [%p] '",
];
const hba = [
  'host app app 127.0.0.1/32 scram-sha-256',
  'host all all 10.0.0.0/8 trust',
  'host replication all 127.0.0.1/32 scram-sha-256',
];
const adopt = { kind: 'adopt-server', cluster: 'shop' } as const;

async function withServer(): Promise<{ cluster: RealCluster; server: PlainServer }> {
  const made = await RealCluster.create(['node-1', 'node-2']);
  cluster = made;
  const server = new PlainServer(made.host('node-1').config);
  await server.create(settings, hba);
  await server.start();
  await server.sql(`CREATE ROLE app LOGIN PASSWORD '${credentials.password}'`);
  await server.sql('CREATE DATABASE app OWNER app');
  return { cluster: made, server };
}

test('I-ADOPT-1: a daemon, started and killed and stopped beside a server that was there before, leaves that server alone', async () => {
  const { cluster, server } = await withServer();
  const startedAt = await server.sql('SELECT pg_postmaster_start_time()');
  await cluster.startDaemon('node-1');
  expect((await cluster.host('node-1').client.host()).state).toBe('available');
  await cluster.killNode('node-1');
  await cluster.startDaemon('node-1');
  await cluster.host('node-1').client.shutdown('stop');
  await expect.poll(() => cluster.host('node-1').daemon, { timeout: 20_000 }).toBeNull();
  expect(await server.sql('SELECT pg_postmaster_start_time()')).toBe(startedAt);
  expect(
    await readFile(join(cluster.host('node-1').config.dataDir, 'postgresql.conf'), 'utf8'),
  ).not.toContain('quantadb');
  await server.stop();
});

test('a server is adopted with its rows, its past, its settings and its roles, and grows into a cluster', async () => {
  const { cluster, server } = await withServer();
  await server.useTransactionIds(100_000_000);
  await server.beginTimeline();
  await server.sql('CREATE TABLE kept AS SELECT generate_series(1, 1000) AS n; GRANT SELECT ON kept TO app');
  const systemIdentifier = await server.sql('SELECT system_identifier FROM pg_control_system()');
  await cluster.startAll();
  const { client } = cluster.host('node-1');

  const plan = await client.plan(adopt);
  expect(plan.refusal).toBeNull();
  expect(plan.summary).toContain(`system ${systemIdentifier}, timeline 2`);
  expect(plan.warnings.join('\n')).toMatch(/10\.0\.0\.0\/8 trust" is not kept: trust lets anybody in/);
  expect(plan.warnings.join('\n')).not.toMatch(/replication all/);

  const operation = await cluster.run('node-1', adopt);
  expect(operation.state).toBe('done');
  const status = await cluster.until('open', ({ primary }) => primary === 'node-1');
  expect(status).toMatchObject({ name: 'shop', epoch: 1, timeline: 3 });
  const app = await cluster.connect('node-1');
  const shown = async (name: string) => (await app.query(`SHOW ${name}`)).rows[0]?.[name];
  expect([await shown('work_mem'), await shown('max_connections')]).toEqual(['7MB', '60']);
  expect(await shown('cluster_name')).toBe('quantadb');
  await app.end();

  await cluster.addNode('node-1', 'node-2');
  await cluster.untilHealthy();
  const old = await untilTold(cluster, 'transaction-ids', { limits: { millions: 50 } });
  // Of either: their ids are the same, and whichever was looked at first is told of first.
  expect(old).toMatch(
    /^The oldest transaction id of node-[12] of shop is 100 million transactions old; writes stop before 2000 million\.$/,
  );
  await cluster.run('node-1', { kind: 'switchover', to: 'node-2' });
  await cluster.until(
    'the adopted server follows',
    ({ nodes, primary }) =>
      primary === 'node-2' && nodes.find(({ name }) => name === 'node-1')?.state === 'streaming',
  );
  const { state } = await client.state();
  expect(state?.timelines.map(({ id, parentId }) => [id, parentId])).toEqual([
    [1, null],
    [2, 1],
    [3, 2],
    [4, 3],
  ]);
  const after = await cluster.connect('node-2');
  const { rows } = await after.query('SELECT current_database() AS name');
  await after.end();
  expect(rows).toEqual([{ name: 'app' }]);
  // The old administrator's way in stays: his line was kept.
  const kept = await readFile(join(cluster.host('node-1').config.stateDir, 'adopted/pg_hba.conf'), 'utf8');
  expect(kept).toContain('trust');
});

test('what speaks against an adoption is said before anything is touched, with the next step', async () => {
  const { cluster, server } = await withServer();
  await cluster.startDaemon('node-1');
  const { client } = cluster.host('node-1');
  await server.sql('CREATE ROLE quantadb LOGIN');
  expect((await client.plan(adopt)).refusal).toMatch(/A role quantadb exists already.*ALTER ROLE/);
  await expect(cluster.run('node-1', adopt)).rejects.toThrow(/ALTER ROLE/);
  expect((await client.host()).cluster).toBeNull();
  await server.sql('DROP ROLE quantadb');
  await server.stop();
  expect((await client.plan(adopt)).refusal).toMatch(
    /no PostgreSQL server runs .* Start it as you always did/,
  );
});
