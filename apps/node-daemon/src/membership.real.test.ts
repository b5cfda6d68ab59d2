import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { withFreshConnection } from '@quantadb/engine/postgres/connection';
import { expect, test } from 'vitest';
import { sharedCluster } from './testing/shared-cluster.ts';

const names = ['node-1', 'node-2', 'node-3'];
const shared = sharedCluster(names, { spare: ['spare-1'] });

const nodeOf = async (name: string) => (await shared().status())?.nodes.find((node) => node.name === name);

test('a spare host becomes a standby that writes wait for, and is removed again with its data set aside', async () => {
  const cluster = shared();
  await cluster.addNode('node-2', 'spare-1');
  expect(await nodeOf('spare-1')).toMatchObject({
    role: 'standby',
    state: 'streaming',
    sync: 'quorum',
    raft: 'learner',
  });
  await cluster.run('node-1', { kind: 'remove-node', node: 'spare-1' });
  expect(await nodeOf('spare-1')).toBeUndefined();
  await expect
    .poll(async () => (await cluster.host('spare-1').client.host()).state, { timeout: 20_000 })
    .toBe('available');
});

test('a former member of the synchronous set is removed, and added again', async () => {
  const cluster = shared();
  const operation = await cluster.run('node-1', { kind: 'remove-node', node: 'node-3' });
  expect(operation.steps[0]?.detail).toBe('writes wait for 1 of node-2');
  await cluster.untilHealthy();
  await expect
    .poll(async () => (await cluster.host('node-3').client.host()).state, { timeout: 20_000 })
    .toBe('available');
  await cluster.addNode('node-1', 'node-3');
  expect(await nodeOf('node-3')).toMatchObject({ role: 'standby', state: 'streaming', sync: 'quorum' });
});

test('I-MEMBER-1: the primary is not removed', async () => {
  const cluster = shared();
  await expect(cluster.run('node-1', { kind: 'remove-node', node: 'node-1' })).rejects.toThrow(/refused/);
});

test('I-ROUTER-14: routers on hosts of their own may look roles up, though no data host here has one', async () => {
  const cluster = shared();
  const { name } = await cluster.primary();
  const place = { runDir: join(cluster.host(name).config.runDir, 'pg'), port: cluster.portOf(name) };
  const sql = "SELECT has_table_privilege('quantadb_replication', 'pg_catalog.pg_authid', 'SELECT') AS may";
  const ask = () =>
    withFreshConnection(
      place,
      { what: sql, timeoutMs: 10_000 },
      async (client) => (await client.query(sql)).rows,
    );
  await expect.poll(ask, { timeout: 10_000 }).toEqual([{ may: true }]);
});

test('a switchover goes where it was told, and loses nothing', async () => {
  const cluster = shared();
  const before = await cluster.primary();
  const target = before.name === 'node-2' ? 'node-3' : 'node-2';
  const client = await cluster.connect(before.name);
  await client.query('CREATE TABLE IF NOT EXISTS kept (n int)');
  await client.query('INSERT INTO kept SELECT generate_series(1, 1000)');
  await client.end();
  await cluster.run('node-1', { kind: 'switchover', to: target });
  const after = await cluster.untilHealthy();
  expect(after).toMatchObject({ primary: target, epoch: (await cluster.status())?.epoch });
  expect(after.nodes.find((node) => node.name === before.name)).toMatchObject({ role: 'standby' });
  const again = await cluster.connect(target);
  const { rows } = await again.query<{ n: number }>('SELECT count(*)::int AS n FROM kept');
  await again.end();
  expect(rows).toEqual([{ n: 1000 }]);
});

test('a switchover ends in time although the archiver hangs, and loses nothing', async () => {
  const cluster = shared();
  const before = await cluster.untilHealthy();
  const primary = before.primary ?? '';
  const directory = join(cluster.host(primary).config.stateDir, 'postgres');
  const script = join(directory, 'archive-wal');
  const push = join(directory, 'push-that-hangs');
  const usual = await readFile(script, 'utf8');
  await writeFile(push, '#!/bin/sh\nexec sleep 600\n', { mode: 0o755 });
  await writeFile(script, usual.replace(/\S*pgbackrest'? --config/, `'${push}' --config`));
  await writeFile(join(directory, 'pgbackrest.stanza'), 'demo\n', { mode: 0o644 });
  await writeFile(join(directory, 'pgbackrest.conf'), '', { mode: 0o644 });
  const client = await cluster.connect(primary);
  await client.query('CREATE TABLE held AS SELECT generate_series(1, 1000) AS n');
  await client.end();
  const { runDir, dataDir } = cluster.host(primary).config;
  const place = { runDir: join(runDir, 'pg'), port: cluster.portOf(primary) };
  await withFreshConnection(place, { what: 'a new segment', timeoutMs: 20_000 }, (admin) =>
    admin.query('SELECT pg_switch_wal()'),
  );
  const ready = async () => {
    const names = await readdir(join(dataDir, 'pg_wal', 'archive_status'));
    return names.filter((name) => name.endsWith('.ready')).length;
  };
  await expect.poll(ready, { timeout: 20_000 }).toBeGreaterThan(0);
  const operation = await cluster.run(primary, { kind: 'switchover', to: null });
  const stop = operation.steps.find(({ name }) => name === 'Stop the primary cleanly');
  expect((stop?.endedAtMs ?? 0) - (stop?.startedAtMs ?? 0)).toBeLessThan(15_000);
  for (const name of ['pgbackrest.conf', 'pgbackrest.stanza']) await rm(join(directory, name));
  const after = await cluster.untilHealthy();
  expect(after.primary).not.toBe(primary);
  const again = await cluster.connect(after.primary ?? '');
  const { rows } = await again.query<{ n: number }>('SELECT count(*)::int AS n FROM held');
  await again.end();
  expect(rows).toEqual([{ n: 1000 }]);
});

test('PostgreSQL alone dies: a new reign begins, and every node streams', async () => {
  const cluster = shared();
  const primary = await cluster.primary();
  const { epoch } = await cluster.untilHealthy();
  const pid = primary.pids?.postgres;
  if (pid) process.kill(pid, 'SIGKILL');
  const after = await cluster.until(
    'a new reign',
    (status) => status.epoch > epoch && status.health === 'healthy',
  );
  expect(after.nodes.every((node) => node.state === 'running' || node.state === 'streaming')).toBe(true);
});

test('every host loses its power at once, and the cluster comes back by itself with its data', async () => {
  const cluster = shared();
  const before = await cluster.connect((await cluster.primary()).name);
  await before.query('CREATE TABLE survives AS SELECT generate_series(1, 1000) AS n');
  await before.end();
  await Promise.all([...cluster.hosts.keys()].map((name) => cluster.killNode(name)));
  await cluster.startAll();
  const status = await cluster.untilHealthy();
  const after = await cluster.connect(status.primary ?? '');
  const { rows } = await after.query<{ n: number }>('SELECT count(*)::int AS n FROM survives');
  await after.end();
  expect(rows).toEqual([{ n: 1000 }]);
});

test('I-MEMBER-8: a cluster shrinks to one node, and whoever is removed may be the decider, or all the votes there are', async () => {
  const cluster = shared();
  const { primary } = await cluster.untilHealthy();
  const last = primary ?? '';
  const [first = '', second = ''] = names.filter((name) => name !== last);
  const write = async (name: string) => {
    const client = await cluster.connect(name);
    await client.query('CREATE TABLE IF NOT EXISTS shrunk (n int)');
    await client.query('INSERT INTO shrunk VALUES (1)');
    await client.end();
  };
  const decided = async () => (await cluster.host(last).client.status())?.raft.leader ?? last;
  await expect.poll(decided, { timeout: 20_000 }).not.toBe(last);
  const decider = await decided();
  await cluster.run(last, { kind: 'remove-node', node: decider === first ? second : first });
  await cluster.run(last, { kind: 'remove-node', node: decider });
  await write(last);

  // Of two nodes one votes; the other one becomes primary, and then is all there is.
  await cluster.addNode(last, first);
  expect(await nodeOf(first)).toMatchObject({ raft: 'learner' });
  await cluster.run(last, { kind: 'switchover', to: first });
  await cluster.run(first, { kind: 'remove-node', node: last });
  await write(first);
  const client = cluster.host(first).client;
  expect(await client.status()).toMatchObject({ primary: first, nodes: [{ name: first, raft: 'voter' }] });
});
