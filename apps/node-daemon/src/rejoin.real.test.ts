import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { withFreshConnection } from '@quantadb/engine/postgres/connection';
import { pollUntil } from '@quantadb/engine/shared/deadline';
import { missingNumbers, SequencedWriter } from '@quantadb/engine/testing/sequenced-writer';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { holdSenders, killPrimaryAhead } from './testing/former-primary.ts';
import { credentials } from './testing/real-cluster.ts';
import { sharedCluster } from './testing/shared-cluster.ts';

const names = ['node-1', 'node-2', 'node-3'];
const shared = sharedCluster(names);
let writer: SequencedWriter | undefined;

afterEach(async () => {
  await writer?.stop();
  writer = undefined;
});

/** Of the running test. */
let firstEvent = 0;

beforeEach(async () => {
  firstEvent = (await shared().host('node-1').client.events(0)).at(-1)?.id ?? 0;
});

async function eventsOf(via: string): Promise<string[]> {
  return (await shared().host(via).client.events(firstEvent)).map((event) => event.message);
}

const rewound = (name: string) =>
  new RegExp(`^${name} was rewound to [0-9A-F]+/[0-9A-F]+ on timeline \\d+ \\(`);

/** The event is recorded a moment after what it tells. */
async function expectEvent(via: string, words: RegExp, timeoutMs = 10_000): Promise<void> {
  const heard = async () => (await eventsOf(via)).find((message) => words.test(message));
  await pollUntil(heard, { what: `an event like ${words}`, timeoutMs, intervalMs: 100 });
}

test('a former primary that was killed ahead of its standbys is rewound, not cloned, and holds what was acknowledged', async () => {
  const cluster = shared();
  writer = new SequencedWriter({
    endpoints: cluster.endpoints(names),
    credentials,
    table: 'numbers',
    pauseMs: 8,
  });
  await writer.start();
  const running = writer;
  await cluster.until('writes', () => running.acknowledgedCount() > 50);
  const old = await killPrimaryAhead(cluster);
  const after = await cluster.until(
    'another primary',
    (each) => each.primary !== null && each.primary !== old,
  );
  const written = running.acknowledgedCount();
  await cluster.until('writes go on', () => running.acknowledgedCount() > written + 50);
  await cluster.startDaemon(old);
  await cluster.untilHealthy();
  const { acknowledged } = await running.stop();
  await expectEvent(after.primary ?? '', rewound(old));
  expect((await eventsOf(after.primary ?? '')).join('\n')).not.toMatch(/starts over from a clone/);
  const client = await cluster.connect(old);
  const caughtUp = async () => (await missingNumbers(client, 'numbers', acknowledged)).length === 0;
  await expect.poll(caughtUp, { timeout: 20_000 }).toBe(true);
  expect((await client.query('SELECT count(*)::int AS n FROM ahead')).rows).toEqual([{ n: 0 }]);
  await client.end();
});

test('I-REWIND-1: a daemon that finds the mark of an interrupted rewind starts over from a clone, and says so', async () => {
  const cluster = shared();
  const old = await killPrimaryAhead(cluster);
  const marker = join(cluster.host(old).config.stateDir, 'incoming.json');
  await writeFile(marker, JSON.stringify({ what: 'rewind to node-2', startedAtMs: 0 }));
  await cluster.until('another primary', (each) => each.primary !== null && each.primary !== old);
  await cluster.startDaemon(old);
  const { primary } = await cluster.untilHealthy();
  await expectEvent(
    primary ?? '',
    new RegExp(`^${old} starts over from a clone of ${primary}: its rewind to node-2 was interrupted\\.$`),
  );
});

test('a former primary that has lost the WAL a rewind reads is cloned, and the event says why', async () => {
  const cluster = shared();
  const old = await killPrimaryAhead(cluster);
  const { dataDir } = cluster.host(old).config;
  // Without its history nobody can tell where its timeline left the others.
  const walDir = join(dataDir, 'pg_wal');
  const histories = (await readdir(walDir)).filter((name) => name.endsWith('.history'));
  for (const name of histories) await writeFile(join(walDir, name), 'damaged\n');
  await cluster.until('another primary', (each) => each.primary !== null && each.primary !== old);
  await cluster.startDaemon(old);
  const { primary } = await cluster.untilHealthy();
  await expectEvent(
    primary ?? '',
    new RegExp(`^${old} starts over from a clone of ${primary}: it could not be rewound`),
  );
});

test('I-FOLLOW-2: a standby that was away until its WAL was gone starts over from a clone by itself, and says why', async () => {
  const cluster = shared();
  const { name: primary } = await cluster.primary();
  const standby = names.find((name) => name !== primary) ?? '';
  const keep = {
    wal_keep_size: '0',
    max_slot_wal_keep_size: '16MB',
    max_wal_size: '64MB',
    min_wal_size: '32MB',
  };
  await cluster.run(primary, { kind: 'set-parameters', parameters: keep });
  await cluster.killNode(standby);
  await cluster.until(
    'it is gone',
    ({ nodes }) => nodes.find(({ name }) => name === standby)?.state === 'unreachable',
  );
  const place = { runDir: join(cluster.host(primary).config.runDir, 'pg'), port: cluster.portOf(primary) };
  await withFreshConnection(place, { what: 'WAL', timeoutMs: 60_000 }, async (client) => {
    await client.query('CREATE TABLE bulk (filler text)');
    for (let round = 0; round < 6; round += 1) {
      await client.query('INSERT INTO bulk SELECT repeat(md5(n::text), 100) FROM generate_series(1, 8000) n');
      await client.query('SELECT pg_switch_wal()');
      await client.query('CHECKPOINT');
    }
  });
  await cluster.startDaemon(standby);
  await expectEvent(
    primary,
    new RegExp(`^${standby} starts over from a clone of ${primary}: ${primary} no longer has the WAL`),
    60_000,
  );
  await cluster.untilHealthy();
});

test('two primaries are lost one after the other, ahead of everybody, and both are rewound to the third', async () => {
  const cluster = shared();
  const first = await killPrimaryAhead(cluster);
  await cluster.until('another primary', (each) => each.primary !== null && each.primary !== first);
  await cluster.startDaemon(first);
  await cluster.untilHealthy();
  const second = await killPrimaryAhead(cluster);
  const after = await cluster.until(
    'another primary again',
    (each) => each.primary !== null && each.primary !== second,
  );
  await cluster.startDaemon(second);
  const healed = await cluster.untilHealthy();
  expect(new Set(healed.nodes.map((node) => node.timeline)).size).toBe(1);
  for (const name of [first, second]) await expectEvent(after.primary ?? '', rewound(name));
});

test('a client cancels its wait for the standbys, then its primary is lost: nobody has its row, and nothing else is lost', async () => {
  const cluster = shared();
  const old = (await cluster.primary()).name;
  const [session, other] = [await cluster.connect(old), await cluster.connect(old)];
  await session.query('CREATE TABLE cancelled (n int)');
  await session.query('INSERT INTO cancelled VALUES (1)');
  const warnings: string[] = [];
  session.on('notice', (notice) => warnings.push(notice.message ?? ''));
  const { rows } = await session.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
  await holdSenders(cluster, old);
  const given = session.query('INSERT INTO cancelled VALUES (2)');
  const isWaiting = async () => {
    const pid = rows[0]?.pid ?? 0;
    const waits = await other.query('SELECT FROM pg_stat_activity WHERE pid = $1 AND wait_event = $2', [
      pid,
      'SyncRep',
    ]);
    return waits.rowCount === 1 ? true : undefined;
  };
  await pollUntil(isWaiting, { what: 'it waits for the standbys', timeoutMs: 10_000, intervalMs: 20 });
  await other.query('SELECT pg_cancel_backend($1)', [rows[0]?.pid]);
  await given;
  expect(warnings.join('\n')).toContain('canceling wait for synchronous replication');
  const counted = async () => (await cluster.host(old).client.node()).cancelledWaits;
  await expect.poll(counted, { timeout: 10_000 }).toBe(1);
  await expectEvent(old, /^A commit on node-\d gave up waiting for the standbys/);
  await cluster.killNode(old);
  await cluster.until('another primary', (each) => each.primary !== null && each.primary !== old);
  await cluster.startDaemon(old);
  const { primary } = await cluster.untilHealthy();
  await expectEvent(primary ?? '', rewound(old));
  for (const name of names) {
    const client = await cluster.connect(name);
    expect((await client.query('SELECT n FROM cancelled ORDER BY n')).rows, name).toEqual([{ n: 1 }]);
    await client.end();
  }
});
