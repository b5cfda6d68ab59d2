import { join } from 'node:path';
import type { ClusterStatus, NodeStatus } from '@quantadb/engine/contract/status';
import { withFreshConnection } from '@quantadb/engine/postgres/connection';
import { pollUntil } from '@quantadb/engine/shared/deadline';
import { missingNumbers, SequencedWriter } from '@quantadb/engine/testing/sequenced-writer';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { credentials } from './testing/real-cluster.ts';
import { sharedCluster } from './testing/shared-cluster.ts';

/** Standbys that stand apart, under a writer: one streams from another, one is late on purpose. */

const names = ['node-1', 'node-2', 'node-3', 'node-4'];
const shared = sharedCluster(names);
let writer: SequencedWriter;
let rounds = 0;

beforeEach(async () => {
  rounds += 1;
  const table = `numbers_${rounds}`;
  writer = new SequencedWriter({ endpoints: shared().endpoints(), credentials, table, pauseMs: 8 });
  await writer.start();
  await writesGoOn();
});

afterEach(() => writer?.stop());

async function writesGoOn(): Promise<void> {
  const before = writer.acknowledgedCount();
  await shared().until('writes go on', () => writer.acknowledgedCount() > before + 50);
}

/** As the superuser, on the host itself. */
function query<Row>(name: string, text: string): Promise<Row[]> {
  const cluster = shared();
  const place = { runDir: join(cluster.host(name).config.runDir, 'pg'), port: cluster.portOf(name) };
  return withFreshConnection(place, { what: text, timeoutMs: 60_000 }, async (client) => {
    return (await client.query(text)).rows as Row[];
  });
}

async function missingOn(name: string, acknowledged: readonly number[]): Promise<number[]> {
  const client = await shared().connect(name);
  return missingNumbers(client, `numbers_${rounds}`, [...acknowledged]).finally(() => client.end());
}

/** On the primary, and in the end on the node that stood apart. */
async function expectNothingLost(apart: string): Promise<void> {
  const { acknowledged } = await writer.stop();
  expect(await missingOn((await shared().primary()).name, acknowledged)).toEqual([]);
  const hasAll = async () => ((await missingOn(apart, acknowledged)).length === 0 ? true : undefined);
  await pollUntil(hasAll, { what: `${apart} has every row`, timeoutMs: 20_000, intervalMs: 200 });
}

function nodeIn({ nodes }: ClusterStatus, name: string): NodeStatus | undefined {
  return nodes.find((node) => node.name === name);
}

/** The primary and three standbys, the last of which is to stand apart. */
async function roles(): Promise<{ primary: string; other: string; upstream: string; apart: string }> {
  const { name: primary } = await shared().primary();
  const [other = '', upstream = '', apart = ''] = names.filter((name) => name !== primary);
  return { primary, other, upstream, apart };
}

function untilStreamsFrom(apart: string, from: string): Promise<ClusterStatus> {
  const isSo = (status: ClusterStatus) => {
    const node = nodeIn(status, apart);
    return node?.state === 'streaming' && node.streamsFrom === from && node.timeline === status.timeline;
  };
  return shared().until(`${apart} streams from ${from}`, isSo);
}

async function untilSynchronous(apart: string): Promise<void> {
  await shared().until(`${apart} is in the set`, (status) => nodeIn(status, apart)?.sync === 'quorum');
}

async function messages(via: string): Promise<string[]> {
  return (await shared().host(via).client.events(0)).map(({ message }) => message);
}

test('I-CASCADE-1, I-CASCADE-2, I-CASCADE-3: a standby streams from another, from the primary while that is away, and from it again', async () => {
  const cluster = shared();
  const { primary, upstream, apart } = await roles();
  await cluster.run(primary, { kind: 'set-node', node: apart, change: { upstream } });
  const status = await untilStreamsFrom(apart, upstream);
  expect(nodeIn(status, apart)).toMatchObject({ sync: 'async', detail: `from ${upstream}` });
  const plan = await cluster.host(primary).client.plan({ kind: 'switchover', to: apart });
  expect(plan.refusal).toContain(`it is set to stream from ${upstream}`);
  // Its slot is in use on the upstream, and on the primary follows what it holds.
  const slot = `quantadb_${apart.replaceAll('-', '_')}`;
  const slotSql = `SELECT active, restart_lsn::text AS at FROM pg_replication_slots WHERE slot_name = '${slot}'`;
  expect(await query(upstream, slotSql)).toMatchObject([{ active: true }]);
  const [now] = await query<{ lsn: string }>(primary, 'SELECT pg_current_wal_lsn()::text AS lsn');
  const isMoved = async () => {
    const sql = `SELECT true FROM pg_replication_slots WHERE slot_name = '${slot}' AND NOT active AND restart_lsn >= '${now?.lsn}'`;
    return (await query(primary, sql)).length > 0 ? true : undefined;
  };
  await pollUntil(isMoved, { what: 'the slot on the primary', timeoutMs: 20_000, intervalMs: 200 });
  await cluster.killNode(upstream);
  await untilStreamsFrom(apart, primary);
  await writesGoOn();
  expect((await messages(primary)).join()).toContain(
    `from the primary ${primary} for now, not from ${upstream}`,
  );
  await cluster.startDaemon(upstream);
  await untilStreamsFrom(apart, upstream);
  await cluster.untilHealthy();
  await expectNothingLost(apart);
});

test('I-CASCADE-4: a cascade goes on through a switchover and the loss of the primary, and no write is lost', async () => {
  const cluster = shared();
  const { primary, other, upstream, apart } = await roles();
  // From the test before it may cascade already, or be the upstream.
  const { nodes } = await cluster.untilHealthy();
  for (const { name } of nodes.filter(({ policy }) => policy.upstream))
    await cluster.run(primary, { kind: 'set-node', node: name, change: { upstream: null } });
  await cluster.run(primary, { kind: 'set-node', node: apart, change: { upstream } });
  await untilStreamsFrom(apart, upstream);
  await cluster.run(primary, { kind: 'switchover', to: other });
  await untilStreamsFrom(apart, upstream);
  await writesGoOn();
  await cluster.killNode(other);
  const elected = (status: ClusterStatus) => status.primary !== null && status.primary !== other;
  const after = await cluster.until('another primary', elected);
  expect(after.primary).not.toBe(apart);
  await untilStreamsFrom(apart, upstream);
  await cluster.startDaemon(other);
  await writesGoOn();
  await cluster.untilHealthy();
  expect((await messages(upstream)).filter((text) => text.startsWith(`${apart} starts over`))).toEqual([]);
  await cluster.run(upstream, { kind: 'set-node', node: apart, change: { upstream: null } });
  await untilSynchronous(apart);
  await expectNothingLost(apart);
});

test('I-DELAY-1, I-DELAY-2, I-DELAY-3: a delayed standby shows rows late, is never elected, and is healthy', async () => {
  const cluster = shared();
  const { primary, apart } = await roles();
  const delayMs = 5000;
  await cluster.run(primary, {
    kind: 'set-node',
    node: apart,
    change: { applyDelayMs: delayMs, priority: 100 },
  });
  await cluster.until('it has left the set', (status) => nodeIn(status, apart)?.sync === 'async');
  const told = async () => {
    const [row] = await query<{ told: string }>(apart, 'SHOW recovery_min_apply_delay');
    return JSON.stringify(row).includes('5s') ? true : undefined;
  };
  await pollUntil(told, { what: 'the delay', timeoutMs: 10_000, intervalMs: 100 });
  await query(primary, 'CREATE TABLE late AS SELECT clock_timestamp() AS at');
  const seen = async () => {
    const sql = 'SELECT extract(epoch FROM clock_timestamp() - at) * 1000 AS after FROM late';
    const rows = await query<{ after: number }>(apart, sql).catch(() => []);
    return rows[0] ? Number(rows[0].after) : undefined;
  };
  const after = await pollUntil(seen, { what: 'the row', timeoutMs: 30_000, intervalMs: 50 });
  expect(after).toBeGreaterThanOrEqual(delayMs);
  expect(nodeIn(await cluster.untilHealthy(), apart)?.notes).toContain('delayed by 5 s on purpose');

  // What it has not shown yet, it holds back from now on.
  await cluster.run(primary, { kind: 'set-node', node: apart, change: { applyDelayMs: 3_600_000 } });
  await query(primary, 'DROP TABLE late');
  await writesGoOn();
  await cluster.killNode(primary);
  const elected = (status: ClusterStatus) => status.primary !== null && status.primary !== primary;
  expect((await cluster.until('another primary', elected)).primary).not.toBe(apart);
  await cluster.startDaemon(primary);
  const isHeldBack = (status: ClusterStatus) =>
    status.health === 'healthy' && nodeIn(status, apart)?.state === 'delayed';
  const status = await cluster.until('healthy, with one held back', isHeldBack);
  expect(nodeIn(status, apart)?.detail).toContain('delayed by 1 h on purpose');
  // A restart ends its receiver too, and is not waited for until everything has been replayed.
  await cluster.run(primary, { kind: 'restart-node', node: apart });
  await cluster.until('held back again', isHeldBack);
  expect(await query(apart, 'SELECT FROM late')).toHaveLength(1);
  await cluster.run(primary, { kind: 'set-node', node: apart, change: { applyDelayMs: 0, priority: 50 } });
  await untilSynchronous(apart);
  expect((await messages(primary)).filter((text) => text.startsWith(`${apart} starts over`))).toEqual([]);
  await expectNothingLost(apart);
});
