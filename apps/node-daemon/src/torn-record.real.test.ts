import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { ClusterStatus } from '@quantadb/engine/contract/status';
import { parseLsn, walFileName } from '@quantadb/engine/postgres/lsn';
import type { Client } from 'pg';
import { expect, test } from 'vitest';
import { sharedCluster } from './testing/shared-cluster.ts';

/** A failover cuts off the record that is on its way, and leaves a part of it on every disk. */

const names = ['node-1', 'node-2', 'node-3'];
const shared = sharedCluster(names);
const megabyte = 1024 * 1024;

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
  await client.query('CREATE TABLE written AS SELECT 1 AS n');
  await client.end();
  await cluster.startDaemon(primary);
  await cluster.untilHealthy();
  expect(await cluster.logOf(primary)).toContain('reaches into the next segment');
});
