import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { ClusterStatus } from '@quantadb/engine/contract/status';
import { parseLsn, walFileName } from '@quantadb/engine/postgres/lsn';
import type { Client } from 'pg';
import { afterEach, expect, test } from 'vitest';
import { sharedCluster } from './testing/shared-cluster.ts';
import { untilTold } from './testing/told-alerts.ts';

/** What keeps PostgreSQL from following a new primary, while writes may be waiting for it. */

const names = ['node-1', 'node-2', 'node-3'];
const shared = sharedCluster(names);
const megabyte = 1024 * 1024;
let sessions: Client[] = [];

afterEach(async () => {
  await Promise.all(sessions.map((session) => session.end().catch(() => undefined)));
  sessions = [];
});

async function session(name: string): Promise<Client> {
  const client = await shared().connect(name);
  sessions.push(client);
  return client;
}

async function behind(name: string): Promise<boolean> {
  const client = await session(name);
  const { rows } = await client.query<{ behind: boolean }>(
    'SELECT pg_last_wal_receive_lsn() > pg_last_wal_replay_lsn() AS behind',
  );
  return rows[0]?.behind === true;
}

/** A reader with an old snapshot, and rows vacuumed away under it. */
async function holdUp(primary: string, standbys: string[]): Promise<void> {
  const writer = await session(primary);
  await writer.query('CREATE TABLE held AS SELECT generate_series(1, 10000) AS n');
  for (const name of standbys) {
    const reader = await session(name);
    const isThere = async () => (await reader.query("SELECT to_regclass('held') AS held")).rows[0]?.held;
    await expect.poll(isThere, { timeout: 10_000 }).toBe('held');
    await reader.query('BEGIN ISOLATION LEVEL REPEATABLE READ');
    await reader.query('SELECT count(*) FROM held');
    reader.query('SELECT pg_sleep(3600)').catch(() => undefined);
  }
  await writer.query('DELETE FROM held');
  await writer.query('VACUUM held');
  for (const name of standbys) await expect.poll(() => behind(name), { timeout: 20_000 }).toBe(true);
}

test('I-FOLLOW-1: readers that hold up replay for ever on every standby keep no failover, and no write, from going on', async () => {
  const cluster = shared();
  const { name: primary } = await cluster.primary();
  const standbys = names.filter((name) => name !== primary);
  const parameters = { max_standby_streaming_delay: '-1' };
  await cluster.run(primary, { kind: 'set-parameters', parameters });
  await holdUp(primary, standbys);
  const late = await untilTold(cluster, 'replication-lag', { limits: { seconds: 1 } });
  expect(late).toMatch(/^node-\d is .* behind the primary of demo/);
  await cluster.killNode(primary);
  const after = await cluster.until(
    'another primary',
    (status) => status.primary !== null && status.primary !== primary,
  );
  const writer = await session(after.primary ?? '');
  await writer.query('CREATE TABLE written AS SELECT 1 AS n');
  const other = standbys.find((name) => name !== after.primary) ?? '';
  const events = (await cluster.host(other).client.events(0)).map((event) => event.message);
  expect(events.join('\n')).toContain(`Sessions were ended on ${other}`);
  await cluster.startDaemon(primary);
  await cluster.untilHealthy();
});

/** Begins a record of many segments, and returns when every standby has received the end of its first one. */
async function beginLongRecord(primary: string): Promise<{ beginsAt: string }> {
  const cluster = shared();
  const standbys = names.filter((name) => name !== primary);
  const [writer, ...watchers] = await Promise.all(
    [primary, ...standbys].map((name) => cluster.connect(name)),
  );
  const before = await writer?.query<{ lsn: string }>('SELECT pg_current_wal_insert_lsn() AS lsn');
  const words = `repeat('x', ${250 * megabyte})`;
  writer?.query(`SELECT pg_logical_emit_message(false, 'test', ${words})`).catch(() => undefined);
  const received = async (watcher: Client) => {
    const { rows } = await watcher.query<{ bytes: number }>(
      'SELECT (pg_last_wal_receive_lsn() - $1::pg_lsn)::float AS bytes',
      [before?.rows[0]?.lsn],
    );
    return (rows[0]?.bytes ?? 0) > 20 * megabyte;
  };
  const haveReceived = async () => (await Promise.all(watchers.map(received))).every(Boolean);
  await expect.poll(haveReceived, { timeout: 20_000, interval: 2 }).toBe(true);
  await Promise.all(watchers.map((watcher) => watcher.end()));
  return { beginsAt: before?.rows[0]?.lsn ?? '' };
}

/** As if the primary had died before it made the next segment, which is where a full disk ends it. */
async function removeSegmentsAfter(
  name: string,
  end: { timeline: number | null; lsn: string },
): Promise<void> {
  const directory = join(shared().host(name).config.dataDir, 'pg_wal');
  const last = walFileName(end.timeline ?? 0, parseLsn(end.lsn), 16 * megabyte);
  for (const file of await readdir(directory))
    if (/^[0-9A-F]{24}$/.test(file) && file > last) await rm(join(directory, file));
}

test('I-FOLLOW-3: a record that a failover cut off at the end of a segment keeps the former primary not from following', async () => {
  const cluster = shared();
  const { name: primary, timeline } = await cluster.primary();
  const { beginsAt } = await beginLongRecord(primary);
  await cluster.killNode(primary);
  await removeSegmentsAfter(primary, { timeline, lsn: beginsAt });
  const isOther = (status: ClusterStatus) => status.primary !== null && status.primary !== primary;
  const after = await cluster.until('another primary', isOther);
  const client = await cluster.connect(after.primary ?? '');
  await client.query('CREATE TABLE written_again AS SELECT 1 AS n');
  await client.end();
  await cluster.startDaemon(primary);
  await cluster.untilHealthy();
  expect(await cluster.logOf(primary)).toContain('reaches into the next segment');
});
