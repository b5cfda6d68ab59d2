import { missingNumbers, SequencedWriter } from '@quantadb/engine/testing/sequenced-writer';
import { afterEach, expect, test } from 'vitest';
import { credentials, RealCluster } from './testing/real-cluster.ts';

const names = ['node-1', 'node-2', 'node-3'];
let cluster: RealCluster;
let writer: SequencedWriter | undefined;

afterEach(async () => {
  await cluster.cleanUp(writer);
  writer = undefined;
});

async function threeNodes(): Promise<void> {
  cluster = await RealCluster.create(names);
  await cluster.startAll();
  await cluster.form('node-1', ['node-2', 'node-3']);
}

async function startWriter(): Promise<SequencedWriter> {
  writer = new SequencedWriter({
    endpoints: cluster.endpoints(names),
    credentials,
    table: 'numbers',
    pauseMs: 8,
  });
  await writer.start();
  return writer;
}

test('I-LOSS-1 I-LOSS-2: the primary’s host dies under a writer; no acknowledged row is lost and it comes back as a standby', async () => {
  await threeNodes();
  const running = await startWriter();
  for (let round = 0; round < 2; round += 1) {
    const before = await cluster.primary();
    await cluster.until('writes', () => running.acknowledgedCount() > 0);
    await cluster.killNode(before.name);
    const after = await cluster.until(
      'another primary',
      (status) => status.primary !== null && status.primary !== before.name,
    );
    expect(after.timeline).toBeGreaterThan(before.timeline ?? 0);
    const written = running.acknowledgedCount();
    await cluster.until('writes go on', () => running.acknowledgedCount() > written + 50);
    await cluster.startDaemon(before.name);
    const healed = await cluster.untilHealthy();
    expect(healed.nodes.find((node) => node.name === before.name)).toMatchObject({
      role: 'standby',
      state: 'streaming',
    });
  }
  const { acknowledged } = await running.stop();
  expect(acknowledged.length).toBeGreaterThan(100);
  const timelines = (await cluster.untilHealthy()).nodes.map((node) => node.timeline);
  expect(new Set(timelines).size).toBe(1);
  for (const name of names) {
    const client = await cluster.connect(name);
    const caughtUp = async () => (await missingNumbers(client, 'numbers', acknowledged)).length === 0;
    await expect.poll(caughtUp, { timeout: 20_000 }).toBe(true);
    await client.end();
  }
});
