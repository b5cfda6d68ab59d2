import { rmSync } from 'node:fs';
import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { pollUntil } from '../shared/deadline.ts';
import { silentLogger } from '../shared/logger.ts';
import { withFreshConnection } from './connection.ts';
import { filesOf, slotNameOf } from './layout.ts';
import type { RewindRequest } from './rewind.ts';
import type { RewindOutcome } from './rewind-outcome.ts';
import { RewindSource } from './rewind-source.ts';
import {
  sql,
  TestCluster,
  type TestNode,
  untilReceived,
  untilStreaming,
  upstreamOf,
} from './testing/test-cluster.ts';

let cluster: TestCluster;

beforeEach(async () => {
  cluster = await TestCluster.create();
});

afterEach(async () => {
  await cluster.cleanUp();
});

const digestSql =
  'SELECT count(*)::int AS rows, md5(string_agg(n || filler, $$,$$ ORDER BY n)) AS digest FROM t';
const growSql = (from: number, to: number, filler: string) =>
  `INSERT INTO t SELECT n, repeat('${filler}', 50) FROM generate_series(${from}, ${to}) n`;

/** Node-1 is primary on timeline 2, node-2 streams from it; both hold the same rows. */
async function pair(): Promise<{ old: TestNode; next: TestNode }> {
  const old = await cluster.primary('node-1');
  await sql(old, 'CREATE TABLE t (n int, filler text)');
  await sql(old, growSql(1, 2000, 'common'));
  const next = await cluster.standby('node-2', old);
  await untilReceived(next, old);
  return { old, next };
}

/** Node-2 takes over where it stands, with a slot for node-1. */
async function takeOver(next: TestNode, from: TestNode, timeline = 3): Promise<string> {
  await sql(next, `SELECT pg_create_physical_replication_slot('${slotNameOf(from.place.nodeName)}', true)`);
  const { forkLsn } = await next.supervisor.promote({ timeline, deadlineMs: 30_000 });
  return forkLsn;
}

/** Rows that node-2 never receives: its receiver is cut off first. */
async function writeUnseen(old: TestNode, next: TestNode): Promise<void> {
  expect(await next.supervisor.seal(5_000)).toMatchObject({ ok: true });
  await sql(old, growSql(2001, 4000, 'unseen'));
  await sql(old, "UPDATE t SET filler = 'changed by nobody' WHERE n % 3 = 0");
}

async function isOffered(source: TestNode): Promise<void> {
  const offers = new RewindSource(source.place, silentLogger);
  const isReady = async () => ((await offers.offer()) ? true : undefined);
  await pollUntil(isReady, { what: 'the source is ready', timeoutMs: 30_000, intervalMs: 20 });
}

async function rewind(
  node: TestNode,
  source: TestNode,
  change: Partial<RewindRequest> = {},
): Promise<RewindOutcome> {
  await isOffered(source);
  return node.supervisor.rewind({
    upstream: upstreamOf(source, node),
    forkLsn: null,
    onProgress: () => undefined,
    onStep: () => undefined,
    mayReceive: async () => true,
    signal: AbortSignal.timeout(120_000),
    stallMs: 20_000,
    replayTimeoutMs: 30_000,
    timeoutMs: 60_000,
    ...change,
  });
}

async function expectSameRows(node: TestNode, primary: TestNode): Promise<void> {
  await untilStreaming(node);
  const wanted = await sql(primary, digestSql);
  await expect.poll(() => sql(node, digestSql), { timeout: 30_000 }).toEqual(wanted);
}

test('a former primary that was killed with writes nobody received is rewound and streams, with the same rows', async () => {
  const { old, next } = await pair();
  await writeUnseen(old, next);
  await old.supervisor.kill('its host lost its power');
  const forkLsn = await takeOver(next, old);
  await sql(next, growSql(2001, 3000, 'new reign'));
  const done: number[] = [];
  const outcome = await rewind(old, next, { onProgress: ({ doneBytes }) => done.push(doneBytes) });
  expect(outcome).toMatchObject({ kind: 'rewound', forkLsn });
  expect(done.at(-1)).toBeGreaterThan(0);
  await expectSameRows(old, next);
  expect(await old.supervisor.inspect()).toMatchObject({ kind: 'initialised' });
});

test('a former primary that was stopped cleanly, ahead of its successor, is rewound', async () => {
  const { old, next } = await pair();
  await writeUnseen(old, next);
  expect(await old.supervisor.stopFast(20_000)).toMatchObject({ ok: true });
  await takeOver(next, old);
  expect(await rewind(old, next)).toMatchObject({ kind: 'rewound' });
  await expectSameRows(old, next);
});

test('a former primary that already runs as a standby on its own timeline is rewound, and keeps the WAL for it', async () => {
  const { old, next } = await pair();
  await sql(old, 'CHECKPOINT');
  await untilReceived(next, old);
  await writeUnseen(old, next);
  await sql(old, 'CHECKPOINT');
  await old.supervisor.kill('crash');
  await takeOver(next, old);
  expect(
    await old.supervisor.startStandby({ upstream: null, deadlineMs: 30_000, clients: 'closed' }),
  ).toMatchObject({ ok: true });
  expect(await old.supervisor.stopFast(20_000)).toMatchObject({ ok: true });
  expect(await rewind(old, next)).toMatchObject({ kind: 'rewound' });
  await expectSameRows(old, next);
});

test('a standby ahead by WAL that has reached no page is rewound, too', async () => {
  const { old, next } = await pair();
  const third = await cluster.standby('node-3', old);
  await sql(old, 'CHECKPOINT');
  await untilReceived(next, old);
  expect(await next.supervisor.seal(5_000)).toMatchObject({ ok: true });
  await sql(old, "SELECT pg_logical_emit_message(true, 'test', 'nobody else has this')");
  await untilReceived(third, old);
  await old.supervisor.kill('crash');
  const forkLsn = await takeOver(next, third);
  expect(await third.supervisor.stopFast(20_000)).toMatchObject({ ok: true });
  expect(await rewind(third, next, { forkLsn })).toMatchObject({ kind: 'rewound' });
  await expectSameRows(third, next);
});

test('I-REWIND-1: after pg_rewind was killed midway the data directory is refused, and a clone replaces it', async () => {
  const { old, next } = await pair();
  await writeUnseen(old, next);
  await old.supervisor.kill('crash');
  await takeOver(next, old);
  const stop = new AbortController();
  const killedMidway = rewind(old, next, {
    onProgress: () => stop.abort(new Error('killed')),
    signal: stop.signal,
  });
  await expect(killedMidway).rejects.toThrow('killed');
  expect(await old.supervisor.inspect()).toEqual({ kind: 'interrupted', what: 'rewind to node-2' });
  expect(await old.supervisor.startStandby({ upstream: null, deadlineMs: 5_000 })).toMatchObject({
    ok: false,
    reason: 'refused',
  });
  await cloneAndStart(old, next);
  await expectSameRows(old, next);
});

test('I-REWIND-1: when the source dies while it sends, nothing is started from what arrived', async () => {
  const { old, next } = await pair();
  await writeUnseen(old, next);
  await old.supervisor.kill('crash');
  await takeOver(next, old);
  const outcome = await rewind(old, next, {
    onProgress: () => void next.host.kill('its host lost its power'),
  });
  expect(outcome).toMatchObject({ kind: 'broken' });
  expect(await old.supervisor.inspect()).toMatchObject({ kind: 'interrupted' });
});

test('a rewind that finds nobody to connect to leaves everything as it was, and works later', async () => {
  const { old, next } = await pair();
  await writeUnseen(old, next);
  await old.supervisor.kill('crash');
  await takeOver(next, old);
  const elsewhere = { ...upstreamOf(next, old), port: 1 };
  expect(await rewind(old, next, { upstream: elsewhere })).toMatchObject({
    kind: 'untouched',
    mayPass: true,
  });
  expect(await old.supervisor.inspect()).toMatchObject({ kind: 'initialised' });
  expect(await rewind(old, next)).toMatchObject({ kind: 'rewound' });
  await expectSameRows(old, next);
});

/** The last checkpoint before the fork lies segments back; the source has lost one of those that follow it. */
async function sourceWithoutWal(): Promise<{ old: TestNode; next: TestNode; lost: string }> {
  const { old, next } = await pair();
  await sql(old, 'CHECKPOINT');
  for (let segment = 0; segment < 3; segment += 1) {
    await sql(old, growSql(10_000 + segment, 10_000 + segment, 'filler'));
    await sql(old, 'SELECT pg_switch_wal()');
  }
  await untilReceived(next, old);
  await writeUnseen(old, next);
  await old.supervisor.kill('crash');
  const forkLsn = await takeOver(next, old);
  await isOffered(next);
  const [row] = await sql<{ name: string }>(next, `SELECT right(pg_walfile_name('${forkLsn}'), 16) AS name`);
  const names = await readdir(join(next.place.dataDir, 'pg_wal'));
  const isOlder = (name: string) => /^00000002[0-9A-F]{16}$/.test(name) && name.slice(8) < (row?.name ?? '');
  const lost = names.filter(isOlder).sort().at(-1) ?? '';
  await rm(join(next.place.dataDir, 'pg_wal', lost));
  return { old, next, lost };
}

test('WAL that only the former primary still has is enough for its rewind', async () => {
  const { old, next } = await sourceWithoutWal();
  expect(await rewind(old, next)).toMatchObject({ kind: 'rewound' });
  await expectSameRows(old, next);
});

test('I-REWIND-1: when WAL that has to be replayed is nowhere, nothing is started', async () => {
  const { old, next, lost } = await sourceWithoutWal();
  const loseIt = () => rmSync(join(old.place.dataDir, 'pg_wal', lost), { force: true });
  const outcome = await rewind(old, next, { onProgress: loseIt });
  expect(outcome).toEqual({
    kind: 'broken',
    reason: `node-2 no longer has the WAL it needs (${lost.slice(8)})`,
  });
  expect(await old.supervisor.isRunning()).toBe(false);
  expect(await old.supervisor.inspect()).toMatchObject({ kind: 'interrupted' });
});

test('a former primary that has lost the WAL from before the fork cannot be rewound and is left as it was', async () => {
  const { old, next } = await pair();
  await writeUnseen(old, next);
  await sql(old, 'SELECT pg_switch_wal()');
  await sql(old, 'CHECKPOINT');
  const forkLsn = await takeOver(next, old);
  expect(await old.supervisor.stopFast(20_000)).toMatchObject({ ok: true });
  const [row] = await sql<{ name: string }>(next, `SELECT right(pg_walfile_name('${forkLsn}'), 16) AS name`);
  await rm(join(old.place.dataDir, 'pg_wal', `00000002${row?.name}`));
  expect(await rewind(old, next)).toMatchObject({ kind: 'untouched', mayPass: false });
  expect(await old.supervisor.inspect()).toMatchObject({ kind: 'initialised' });
});

test('two failovers in a row, before the first checkpoint: both former primaries are rewound', async () => {
  const { old, next } = await pair();
  const third = await cluster.standby('node-3', old);
  await untilReceived(third, old);
  await writeUnseen(old, next);
  await old.supervisor.kill('crash');
  await takeOver(next, old, 3);
  await sql(next, `SELECT pg_create_physical_replication_slot('${slotNameOf('node-3')}', true)`);
  expect(await third.supervisor.stopFast(20_000)).toMatchObject({ ok: true });
  expect(await rewind(third, next)).toMatchObject({ kind: 'rewound' });
  await untilStreaming(third);
  await untilReceived(third, next);
  expect(await third.supervisor.seal(5_000)).toMatchObject({ ok: true });
  await sql(next, growSql(5001, 6000, 'second loss'));
  await next.supervisor.kill('crash');
  await sql(third, `SELECT pg_create_physical_replication_slot('${slotNameOf('node-2')}', true)`);
  await takeOver(third, old, 4);
  for (const node of [old, next]) {
    const outcome = await rewind(node, third);
    expect(outcome, JSON.stringify(outcome)).toMatchObject({ kind: 'rewound' });
    await expectSameRows(node, third);
  }
});

test('I-REWIND-3: WAL of an open transaction, on a source where nobody commits, holds no rewind up', async () => {
  const { old, next } = await pair();
  await writeUnseen(old, next);
  await old.supervisor.kill('crash');
  await takeOver(next, old);
  await isOffered(next);
  await stopFlushingByItself(next);
  const open = { what: 'an open transaction', timeoutMs: 120_000 };
  await withFreshConnection(next.place, open, async (client) => {
    await client.query('BEGIN');
    await client.query(growSql(7001, 7002, 'not committed'));
    expect(await rewind(old, next)).toMatchObject({ kind: 'rewound' });
  });
});

/** The two processes that flush WAL of their own accord. */
async function stopFlushingByItself(node: TestNode): Promise<void> {
  const rows = await sql<{ pid: number }>(
    node,
    "SELECT pid FROM pg_stat_activity WHERE backend_type IN ('background writer', 'walwriter')",
  );
  expect(rows).toHaveLength(2);
  for (const { pid } of rows) process.kill(pid, 'SIGSTOP');
}

test('I-REWIND-2: a rewound server is shut to everybody until it is told otherwise', async () => {
  const { old, next } = await pair();
  await writeUnseen(old, next);
  await old.supervisor.kill('crash');
  await takeOver(next, old);
  expect(await rewind(old, next)).toMatchObject({ kind: 'rewound' });
  expect(await old.supervisor.clients()).toBe('closed');
  const lines = await sql<{ line: string }>(
    old,
    "SELECT array_to_string(database, ',') || ' ' || auth_method AS line FROM pg_hba_file_rules ORDER BY line_number",
  );
  expect(lines.map(({ line }) => line).slice(-2)).toEqual(['all reject', 'all reject']);
  await old.supervisor.setClients('open');
  await untilStreaming(old);
});

test('I-SEAL-3, I-REWIND-1: a node that has voted from memory meanwhile does not start what was rewound', async () => {
  const { old, next } = await pair();
  await writeUnseen(old, next);
  await old.supervisor.kill('crash');
  await takeOver(next, old);
  expect(await rewind(old, next, { mayReceive: async () => false })).toMatchObject({ kind: 'broken' });
  expect(await old.supervisor.isRunning()).toBe(false);
  expect(await old.supervisor.inspect()).toMatchObject({ kind: 'interrupted' });
});

test('a rewind brings no setting of its source along, and needs no superuser there', async () => {
  const { old, next } = await pair();
  await sql(next, 'SELECT 1');
  await writeUnseen(old, next);
  await old.supervisor.kill('crash');
  await takeOver(next, old);
  await sql(next, "ALTER SYSTEM SET work_mem = '7MB'");
  expect(await rewind(old, next)).toMatchObject({ kind: 'rewound' });
  const own = await readFile(join(old.place.dataDir, 'quantadb.conf'), 'utf8');
  expect(own).toContain(filesOf(old.place).tlsDir);
  expect(own).not.toContain(filesOf(next.place).tlsDir);
  const [role] = await sql(next, "SELECT rolsuper FROM pg_roles WHERE rolname = 'quantadb_replication'");
  expect(role).toEqual({ rolsuper: false });
});

test('a primary whose functions were taken from the replication role grants them again', async () => {
  const { old, next } = await pair();
  await writeUnseen(old, next);
  await old.supervisor.kill('crash');
  await takeOver(next, old);
  await sql(
    next,
    'REVOKE EXECUTE ON FUNCTION pg_catalog.pg_read_binary_file(text) FROM quantadb_replication',
  );
  expect(await rewind(old, next)).toMatchObject({ kind: 'rewound' });
  await expectSameRows(old, next);
});

async function cloneAndStart(node: TestNode, upstream: TestNode): Promise<void> {
  const target = upstreamOf(upstream, node);
  await node.supervisor.clone({
    upstream: target,
    onProgress: () => undefined,
    signal: AbortSignal.timeout(120_000),
    expectedBytes: null,
    stallMs: 60_000,
    timeoutMs: 120_000,
  });
  expect(await node.supervisor.startStandby({ upstream: target, deadlineMs: 30_000 })).toMatchObject({
    ok: true,
  });
}
