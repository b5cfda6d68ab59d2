import type { Client } from 'pg';
import { afterEach, expect, test } from 'vitest';
import { sharedCluster } from './testing/shared-cluster.ts';

/** Standbys that do not replay what they have cannot follow a new primary, and writes wait for them. */

const names = ['node-1', 'node-2', 'node-3'];
const shared = sharedCluster(names);
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
