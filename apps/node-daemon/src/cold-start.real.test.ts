import { rm } from 'node:fs/promises';
import { missingNumbers, SequencedWriter } from '@quantadb/engine/testing/sequenced-writer';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { credentials } from './testing/real-cluster.ts';
import { sharedCluster } from './testing/shared-cluster.ts';
import { untilOver, untilTold } from './testing/told-alerts.ts';

/** Every host of a cluster loses its power at once, under a writer. */

const names = ['node-1', 'node-2', 'node-3'];
const shared = sharedCluster(names);
let writer: SequencedWriter;
let table = '';
let tables = 0;

beforeEach(async () => {
  tables += 1;
  table = `numbers_${tables}`;
  writer = new SequencedWriter({ endpoints: shared().endpoints(names), credentials, table, pauseMs: 8 });
  await writer.start();
});

afterEach(() => writer?.stop());

async function someWrites(): Promise<void> {
  const before = writer.acknowledgedCount();
  await shared().until('writes', () => writer.acknowledgedCount() > before + 50);
}

async function killAll(): Promise<void> {
  await Promise.all(names.map((name) => shared().killNode(name)));
}

async function expectNothingLost(): Promise<void> {
  const { acknowledged } = await writer.stop();
  expect(acknowledged.length).toBeGreaterThan(50);
  for (const name of names) {
    const missing = async () => {
      const client = await shared().connect(name);
      return missingNumbers(client, table, acknowledged).finally(() => client.end());
    };
    await expect.poll(() => missing().catch(() => null), { timeout: 30_000 }).toEqual([]);
  }
}

/** Each host is the first to come back once, the second and the last once. */
const orders = names.map((_, turn) => [...names.slice(turn), ...names.slice(0, turn)] as const);

test('I-COLD-1: all hosts die under a writer and come back, each first and each last once; the cluster heals by itself and loses nothing', async () => {
  const cluster = shared();
  for (const [first = '', second = '', third = ''] of orders) {
    await someWrites();
    await killAll();
    await cluster.startDaemon(first);
    const alone = await cluster.until(`${first} says that it is alone`, (status) => status.noQuorum !== null);
    expect(alone.verdict).toContain(`bring back ${[second, third].sort().join(' or ')}`);
    expect(await untilTold(cluster, 'no-quorum')).toMatch(/^demo has no majority: node-\d, node-\d do not/);
    await cluster.startDaemon(second);
    await cluster.until(`${first} and ${second} take writes again`, (status) => status.primary !== null);
    await someWrites();
    expect(await untilTold(cluster, 'no-spare-node')).toContain(`${third} is unreachable`);
    await cluster.startDaemon(third);
    await cluster.untilHealthy();
  }
  for (const rule of ['no-quorum', 'no-spare-node']) await untilOver(cluster, rule);
  await expectNothingLost();
});

test('I-COLD-1 I-ELECT-8: while the only node that may hold the newest writes is missing, the cluster waits and names it', async () => {
  const cluster = shared();
  const { name: primary } = await cluster.primary();
  const [kept = '', emptied = ''] = names.filter((name) => name !== primary);
  await someWrites();
  await killAll();
  await rm(cluster.host(emptied).config.dataDir, { recursive: true });
  await Promise.all([kept, emptied].map((name) => cluster.startDaemon(name)));
  const blocked = await cluster.until('it waits', (status) => status.failover?.state === 'NO_SAFE_CANDIDATE');
  expect(blocked).toMatchObject({ health: 'down', primary: null });
  expect(blocked.verdict).toContain(`${emptied} cannot: without data. Bring back ${primary}.`);
  expect(blocked.failover?.blockedBy).toContain(`Bring back ${primary}.`);
  const events = await cluster.host(kept).client.events(0);
  // The first may have been told before both daemons were up, and names more.
  expect(events.findLast((event) => event.kind === 'no-safe-candidate')).toMatchObject({
    severity: 'critical',
    message: expect.stringContaining(`Bring back ${primary}.`),
  });
  const reading = await cluster.until('the other one serves reads', (status) =>
    status.nodes.some((node) => node.name === kept && node.state === 'read-only'),
  );
  expect(reading.nodes.find((node) => node.name === emptied)?.state).toBe('waiting');
  expect(await untilTold(cluster, 'no-primary')).toContain(`Bring back ${primary}.`);
  expect(await untilTold(cluster, 'standby-not-streaming')).toMatch(/receives no WAL/);
  await cluster.startDaemon(primary);
  await cluster.untilHealthy();
  for (const rule of ['no-primary', 'standby-not-streaming']) await untilOver(cluster, rule);
  await someWrites();
  await expectNothingLost();
});

test('a primary that comes back with an empty disk does not vote, and starts over from a clone of its successor', async () => {
  const cluster = shared();
  const { name: primary } = await cluster.primary();
  await someWrites();
  await killAll();
  await rm(cluster.host(primary).config.dataDir, { recursive: true });
  await cluster.startAll();
  const healed = await cluster.untilHealthy();
  expect(healed.primary).not.toBe(primary);
  expect(healed.failover?.candidates.find((candidate) => candidate.node === primary)).toMatchObject({
    position: null,
    chosen: false,
  });
  await someWrites();
  await expectNothingLost();
});
