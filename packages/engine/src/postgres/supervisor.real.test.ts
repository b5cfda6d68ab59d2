import { afterEach, beforeEach, expect, test } from 'vitest';
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
