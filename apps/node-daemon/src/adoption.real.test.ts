import { afterAll, beforeAll, expect, test } from 'vitest';
import { RealCluster } from './testing/real-cluster.ts';

let cluster: RealCluster;

beforeAll(async () => {
  // A busy machine may take longer to start a daemon than a lease of the LAN profile lasts.
  cluster = await RealCluster.create(['node-1', 'node-2', 'node-3'], { timing: 'wan' });
  await cluster.startAll();
  await cluster.form('node-1', ['node-2', 'node-3']);
});

afterAll(() => cluster?.cleanUp());

test('a daemon that is killed and started within its lease is no outage: PostgreSQL is adopted', async () => {
  const primary = await cluster.primary();
  const before = await cluster.untilHealthy();
  const { daemon } = cluster.host(primary.name);
  if (daemon?.pid) process.kill(daemon.pid, 'SIGKILL');
  await expect.poll(() => cluster.host(primary.name).daemon, { timeout: 5000 }).toBeNull();
  await cluster.startDaemon(primary.name);
  const after = await cluster.untilHealthy();
  const pidOf = (status: typeof after) =>
    status.nodes.find((node) => node.name === primary.name)?.pids?.postgres;
  expect(pidOf(after)).toBe(pidOf(before));
  expect([before.epoch, before.epoch + 1]).toContain(after.epoch);
});
