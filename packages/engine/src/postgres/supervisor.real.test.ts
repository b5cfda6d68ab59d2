import { once } from 'node:events';
import { cp, truncate, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { afterEach, beforeEach, expect, onTestFinished, test } from 'vitest';
import { databaseBytes, lookAtServer, serverFigures } from '../monitor/figures/server-figures.ts';
import { pollUntil } from '../shared/deadline.ts';
import { silentLogger } from '../shared/logger.ts';
import { historyFileName, readHistories, strayTimelines } from './history-files.ts';
import { slotNameOf } from './layout.ts';
import { parseLsn, walFileName } from './lsn.ts';
import { PostgresSupervisor } from './supervisor.ts';
import {
  renewCertificate,
  sql,
  TestCluster,
  type TestNode,
  untilReceived,
  untilStreaming,
  upstreamOf,
} from './testing/test-cluster.ts';

const segmentBytes = 16 * 1024 * 1024;

let cluster: TestCluster;

/** What PostgreSQL answers a client that asks for TLS (SSLRequest of its protocol). */
async function serialShownBy(node: TestNode): Promise<string> {
  const plain = connect({ host: '127.0.0.1', port: node.place.port });
  plain.write(Buffer.from([0, 0, 0, 8, 4, 210, 22, 47]));
  expect((await once(plain, 'data'))[0]).toEqual(Buffer.from('S'));
  const secure = connectTls({ socket: plain, rejectUnauthorized: false });
  await once(secure, 'secureConnect');
  const { serialNumber } = secure.getPeerCertificate();
  secure.destroy();
  return serialNumber;
}

/** I-FIGURE-1: of a primary and of a standby; a client that holds a transaction open is one. */
async function expectFigures(primary: TestNode, standby: TestNode): Promise<void> {
  const before = await lookAtServer(primary.supervisor.pool);
  await sql(primary, 'CREATE TABLE counted AS SELECT generate_series(1, 5000) AS n');
  await sql(primary, 'SELECT pg_stat_force_next_flush()');
  const now = await lookAtServer(primary.supervisor.pool);
  const figures = serverFigures(before, now, { fromMs: 0, toMs: 1000 });
  expect(figures.walBytesPerSecond).toBeGreaterThan(5000 * 8);
  expect(figures.clientsMax).toBeGreaterThan(10);
  expect(figures.transactionIdAge).toBeGreaterThan(0);
  expect(await databaseBytes(primary.supervisor.pool)).toBeGreaterThan(1024 * 1024);
  const written = now.values.wal_bytes ?? Number.POSITIVE_INFINITY;
  // It replays a moment later.
  const hasReplayed = async () => {
    const seen = await lookAtServer(standby.supervisor.pool);
    return (seen.values.wal_bytes ?? 0) >= written ? seen : undefined;
  };
  const limits = { what: 'the standby is where the primary was', timeoutMs: 10_000, intervalMs: 20 };
  const other = await pollUntil(hasReplayed, limits);
  expect(serverFigures(now, other, { fromMs: 0, toMs: 1000 }).walBytesPerSecond).toBeUndefined();
}

beforeEach(async () => {
  cluster = await TestCluster.create();
});

afterEach(async () => {
  await cluster.cleanUp();
});

test('a new system starts as a standby, becomes primary of timeline 2, and a clone streams from it', async () => {
  const primary = await cluster.primary('node-1');
  const taken = await primary.supervisor.sample();
  expect(taken).toMatchObject({ ok: true, sample: { isInRecovery: false, timeline: 2 } });
  await sql(primary, 'CREATE TABLE t AS SELECT generate_series(1, 1000) AS n');
  const standby = await cluster.standby('node-2', primary);
  await untilReceived(standby, primary);
  await expectFigures(primary, standby);
  expect(await sql(standby, 'SELECT count(*)::int AS n FROM t')).toEqual([{ n: 1000 }]);
  const before = await serialShownBy(standby);
  await renewCertificate(cluster.directory, 'node-2');
  await standby.supervisor.refreshCertificates();
  await expect.poll(() => serialShownBy(standby), { timeout: 10_000 }).not.toBe(before);
  await sql(primary, 'INSERT INTO t VALUES (1001)');
  await untilReceived(standby, primary);
});

test('I-SYNC-8: an order for an earlier synchronous set changes nothing, also for a daemon that has just started', async () => {
  const primary = await cluster.primary('node-1');
  const order = (move: number, standbys: string[]) => ({
    set: { standbys, count: 1 },
    mode: 'quorum' as const,
    mark: { clusterId: 'c1', move },
  });
  const names = () => sql(primary, "SELECT current_setting('synchronous_standby_names') AS names");
  expect(await primary.supervisor.applySynchronous(order(5, ['node-2', 'node-3']))).toMatchObject({
    ok: true,
  });
  const stale = { ok: false, reason: 'superseded' };
  expect(await primary.supervisor.applySynchronous(order(4, ['node-2']))).toEqual(stale);
  expect(await names()).toEqual([{ names: 'ANY 1 ("node-2", "node-3")' }]);
  const restarted = new PostgresSupervisor({
    ...primary.place,
    host: primary.host,
    logger: silentLogger,
  });
  onTestFinished(() => restarted.close());
  expect(await restarted.applySynchronous(order(4, ['node-2']))).toEqual(stale);
  expect(await restarted.applySynchronous(order(6, ['node-3']))).toMatchObject({ ok: true });
  expect(await names()).toEqual([{ names: 'ANY 1 ("node-3")' }]);
});

test('I-TIMELINE-3: a standby that went along to a timeline nobody kept cannot follow the next one until it is restarted', async () => {
  const old = await cluster.primary('node-1');
  const next = await cluster.standby('node-2', old);
  const stray = await cluster.standby('node-3', old);
  await untilReceived(next, old);
  await untilReceived(stray, old);
  await old.supervisor.kill('its host is lost');
  // The candidate of timeline 3 died as it opened: its history came through, none of its WAL.
  expect(await stray.supervisor.stopFast(20_000)).toMatchObject({ ok: true });
  const end = await stray.supervisor.exactEndOfWal();
  const walDir = join(stray.place.dataDir, 'pg_wal');
  await writeFile(join(walDir, historyFileName(3)), `2\t${end.lsn}\tno recovery target specified\n`);
  await sql(next, `SELECT pg_create_physical_replication_slot('${slotNameOf('node-3')}', true)`);
  await next.supervisor.promote({ timeline: 4, deadlineMs: 30_000 });
  const start = () =>
    stray.supervisor.startStandby({ upstream: upstreamOf(next, stray), deadlineMs: 30_000 });
  expect(await start()).toMatchObject({ ok: true });
  const strays = async () => strayTimelines(4, [4, 2, 1], await readHistories(stray.place.dataDir));
  await expect.poll(strays, { timeout: 10_000 }).toEqual([3]);
  const taken = await stray.supervisor.sample();
  expect(taken.ok && taken.sample.receiver?.status).not.toBe('streaming');
  expect(await stray.supervisor.stopFast(20_000)).toMatchObject({ ok: true });
  expect(await start()).toMatchObject({ ok: true });
  await untilStreaming(stray);
});

test('I-ELECT-10: segments that were made in advance and hold nothing yet keep a node from no vote', async () => {
  const primary = await cluster.primary('node-1');
  const standby = await cluster.standby('node-2', primary);
  // What is read begins some segments before its end.
  await sql(primary, 'CREATE TABLE t (n int)');
  for (let round = 0; round < 3; round += 1) {
    await sql(primary, 'INSERT INTO t VALUES (1)');
    await sql(primary, 'SELECT pg_switch_wal()');
  }
  await untilReceived(standby, primary);
  await primary.supervisor.kill('its host is lost');
  expect(await standby.supervisor.stopFast(20_000)).toMatchObject({ ok: true });
  const end = await standby.supervisor.exactEndOfWal();
  const next = parseLsn(end.lsn) + BigInt(segmentBytes);
  for (let ahead = 0; ahead < 24; ahead += 1) {
    const name = walFileName(end.timeline, next + BigInt(ahead * segmentBytes), segmentBytes);
    const path = join(standby.place.dataDir, 'pg_wal', name);
    await writeFile(path, '');
    await truncate(path, segmentBytes);
    await cp(path, path.replace(name, name.replace(/^.{8}/, '000000FF')));
  }
  expect(await standby.supervisor.exactEndOfWal()).toEqual(end);
});
