import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { WalPosition } from '@quantadb/engine/contract/cluster-state';
import type { ClusterStatus } from '@quantadb/engine/contract/status';
import { compareLsn } from '@quantadb/engine/postgres/lsn';
import type { Client } from 'pg';
import { expect, test } from 'vitest';
import { sharedCluster } from './testing/shared-cluster.ts';

const names = ['node-1', 'node-2', 'node-3'];
const shared = sharedCluster(names);

/** Of a healthy cluster: the primary, which is about to be alone, and a connection to it with an empty table `kept`. */
async function scene(): Promise<{ primary: string; others: string[]; session: Client }> {
  const primary = (await shared().primary()).name;
  const session = await shared().connect(primary);
  await session.query('DROP TABLE IF EXISTS kept');
  await session.query('CREATE TABLE kept (n int)');
  return { primary, others: names.filter((name) => name !== primary), session };
}

async function killAll(hosts: string[]): Promise<void> {
  await Promise.all(hosts.map((name) => shared().killNode(name)));
}

async function startAll(hosts: string[]): Promise<void> {
  await Promise.all(hosts.map((name) => shared().startDaemon(name)));
}

const stateOf = (status: ClusterStatus, name: string) =>
  status.nodes.find((node) => node.name === name)?.state;

async function health(name: string, path: string): Promise<{ code: number; detail: string }> {
  const { port } = shared().host(name).config.addresses.api;
  const response = await fetch(`http://127.0.0.1:${port}${path}`);
  const body = (await response.json()) as { detail: string };
  return { code: response.status, detail: body.detail };
}

/** The primary looks twice a second at what its standbys have confirmed, and writes it down. */
async function allConfirmed(session: Client, primary: string): Promise<void> {
  const { rows } = await session.query<{ lsn: string }>('SELECT pg_current_wal_insert_lsn() AS lsn');
  const file = join(shared().host(primary).config.stateDir, 'confirmed-wal.json');
  const isConfirmed = async () => {
    const text = await readFile(file, 'utf8').catch(() => null);
    const known = text === null ? '0/0' : (JSON.parse(text) as { position: WalPosition }).position.lsn;
    return compareLsn(known, rows[0]?.lsn ?? '0/0') >= 0;
  };
  await expect.poll(isConfirmed, { timeout: 20_000 }).toBe(true);
}

async function rowsOn(name: string, table: string): Promise<number[]> {
  const client = await shared().connect(name);
  try {
    const { rows } = await client.query<{ n: number }>(`SELECT n FROM ${table} ORDER BY n`);
    return rows.map((row) => row.n);
  } finally {
    await client.end();
  }
}

test('I-DEGRADE-1 I-DEGRADE-2: two of three hosts are lost; the idle primary stops writes, goes on serving reads, and says so', async () => {
  const cluster = shared();
  const { primary, others, session } = await scene();
  await session.query('INSERT INTO kept SELECT generate_series(1, 100)');
  await allConfirmed(session, primary);
  const ended = new Promise<void>((resolve) => session.once('end', () => resolve()));
  await killAll(others);
  await ended;
  const alone = await cluster.until(
    'reads without a quorum',
    (status) => status.noQuorum?.readers.length === 1,
  );
  expect(stateOf(alone, primary)).toBe('read-only');
  expect(alone).toMatchObject({ health: 'down', primary: null });
  expect(alone.verdict).toMatch(
    new RegExp(
      `^No quorum: ${primary} serves reads only, as of .* UTC; bring back ${others.join(' or ')}\\.$`,
    ),
  );
  expect(alone.noQuorum).toMatchObject({ needed: 1, missing: others, readers: [{ node: primary }] });
  expect(alone.network?.rows).toHaveLength(1);
  expect(await rowsOn(primary, 'kept')).toHaveLength(100);
  const reader = await cluster.connect(primary);
  await expect(reader.query('INSERT INTO kept VALUES (0)')).rejects.toThrow(/read-only/);
  await reader.end();
  expect(await health(primary, '/read-only')).toMatchObject({ code: 200 });
  expect(await health(primary, '/health')).toMatchObject({ code: 200 });
  for (const path of ['/primary', '/replica', '/replica?lag=10MB'])
    expect(await health(primary, path)).toMatchObject({
      code: 503,
      detail: expect.stringContaining('no quorum'),
    });
  await startAll(others);
  const healed = await cluster.untilHealthy();
  expect(await rowsOn(healed.primary ?? '', 'kept')).toHaveLength(100);
});

test('I-DEGRADE-1: a commit that nobody acknowledged keeps clients out, and all nodes agree on its fate in the end', async () => {
  const cluster = shared();
  const { primary, others, session } = await scene();
  await session.query('INSERT INTO kept VALUES (1)');
  await allConfirmed(session, primary);
  await killAll(others);
  const stuck = session.query('INSERT INTO kept VALUES (2)').then(
    () => 'acknowledged',
    () => 'failed',
  );
  expect(await stuck).toBe('failed');
  const told = await cluster.until('the reason is told', (status) => /shut out/.test(status.verdict));
  expect(stateOf(told, primary)).toBe('fenced');
  expect(told.verdict).toMatch(/serves nobody \(clients are shut out: the commit of transaction \d+ at/);
  expect(told.verdict).toMatch(new RegExp(`bring back ${others.join(' or ')}\\.$`));
  await expect(cluster.connect(primary)).rejects.toThrow(/pg_hba.conf/);
  expect((await health(primary, '/read-only')).code).toBe(503);
  await startAll(others);
  const healed = await cluster.untilHealthy();
  const fate = await rowsOn(healed.primary ?? '', 'kept');
  expect([[1], [1, 2]]).toContainEqual(fate);
  for (const name of names)
    await expect.poll(() => rowsOn(name, 'kept').catch(() => null), { timeout: 20_000 }).toEqual(fate);
});

test('I-DEGRADE-3: a standby that is left alone goes on serving reads, also after a restart, and says since when', async () => {
  const cluster = shared();
  const { primary, others, session } = await scene();
  const [left = '', lost = ''] = others;
  await session.query('INSERT INTO kept VALUES (1)');
  await session.end();
  await expect.poll(() => rowsOn(left, 'kept').catch(() => null), { timeout: 20_000 }).toEqual([1]);
  await killAll([primary, lost]);
  const alone = await cluster.until('it says so', (status) => stateOf(status, left) === 'read-only');
  expect(alone.nodes.find((node) => node.name === left)?.detail).toContain(
    `cut off from the primary ${primary}`,
  );
  expect(await rowsOn(left, 'kept')).toEqual([1]);
  await cluster.killNode(left);
  await cluster.startDaemon(left);
  await cluster.until('it says so again', (status) => stateOf(status, left) === 'read-only');
  expect(await rowsOn(left, 'kept')).toEqual([1]);
  await startAll([primary, lost]);
  await cluster.untilHealthy();
});
