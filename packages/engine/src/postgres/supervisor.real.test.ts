import { afterEach, beforeEach, expect, onTestFinished, test } from 'vitest';
import { silentLogger } from '../shared/logger.ts';
import { PostgresSupervisor } from './supervisor.ts';
import { sql, TestCluster, untilReceived } from './testing/test-cluster.ts';

let cluster: TestCluster;

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
  expect(await sql(standby, 'SELECT count(*)::int AS n FROM t')).toEqual([{ n: 1000 }]);
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
