import { missingNumbers, SequencedWriter } from '@quantadb/engine/testing/sequenced-writer';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { credentials } from './testing/real-cluster.ts';
import { sharedCluster } from './testing/shared-cluster.ts';

/** Two data nodes and a witness: each is lost in turn, under a writer. */

const data = ['node-1', 'node-2'];
const shared = sharedCluster([...data, 'witness-1'], { witnesses: ['witness-1'] });
let writer: SequencedWriter;
let rounds = 0;

beforeEach(async () => {
  rounds += 1;
  const endpoints = shared().endpoints(data);
  writer = new SequencedWriter({ endpoints, credentials, table: `numbers_${rounds}`, pauseMs: 2 });
  await writer.start();
  await writesGoOn();
});

afterEach(() => writer?.stop());

async function writesGoOn(): Promise<void> {
  const before = writer.acknowledgedCount();
  await shared().until('writes go on', () => writer.acknowledgedCount() > before + 50);
}

async function expectNothingLost(): Promise<void> {
  const cluster = shared();
  await cluster.untilHealthy();
  const { acknowledged } = await writer.stop();
  const client = await cluster.connect((await cluster.primary()).name);
  expect(await missingNumbers(client, `numbers_${rounds}`, acknowledged)).toEqual([]);
  await client.end();
}

test('the witness votes and holds no data', async () => {
  const { nodes, advice } = await shared().untilHealthy();
  expect(nodes.find((node) => node.name === 'witness-1')).toMatchObject({
    ...{ kind: 'witness', role: 'witness', state: 'voting', raft: 'voter', sync: 'none', address: null },
  });
  expect(nodes.every((node) => node.raft === 'voter')).toBe(true);
  expect(advice).toBeNull();
});

test('I-LOSS-1: the primary is lost: the witness and the standby make the standby primary, and lose nothing', async () => {
  const cluster = shared();
  const { name } = await cluster.primary();
  const other = data.find((each) => each !== name) ?? '';
  await cluster.killNode(name);
  await cluster.until('the other one is primary', ({ primary }) => primary === other);
  await cluster.startDaemon(name);
  await writesGoOn();
  await expectNothingLost();
});

test('the standby is lost: strict writes wait for it, and are told so', async () => {
  const cluster = shared();
  const { name } = await cluster.primary();
  const standby = data.find((each) => each !== name) ?? '';
  await cluster.killNode(standby);
  const blocked = await cluster.until('writes are blocked', ({ verdict }) => /blocked/.test(verdict));
  expect(blocked).toMatchObject({ primary: name, verdict: expect.stringContaining(`1 of ${standby}`) });
  await cluster.startDaemon(standby);
  await writesGoOn();
  await expectNothingLost();
});

test('the witness is lost: writes go on, and it comes back', async () => {
  const cluster = shared();
  const { name } = await cluster.primary();
  await cluster.killNode('witness-1');
  await cluster.until('its loss is seen', ({ nodes }) =>
    nodes.some((node) => node.name === 'witness-1' && node.state === 'unreachable'),
  );
  await writesGoOn();
  expect((await cluster.status(name))?.primary).toBe(name);
  await cluster.startDaemon('witness-1');
  await expectNothingLost();
});
