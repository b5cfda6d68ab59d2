import { afterAll, beforeAll, expect, test } from 'vitest';
import { RealCluster } from './testing/real-cluster.ts';

const names = ['node-1', 'node-2', 'node-3'];
let cluster: RealCluster;

beforeAll(async () => {
  cluster = await RealCluster.create(names);
  await cluster.startAll();
  await cluster.form('node-1', ['node-2', 'node-3']);
});

afterAll(() => cluster?.cleanUp());

test('I-NETWORK-1: every daemon hears every other, on both of its ports, and says how long ago', async () => {
  const status = await cluster.until(
    'all rows are there',
    (seen) => seen.network?.rows.every((row) => row.hears.length === 2) === true,
  );
  expect(status.network).toMatchObject({ kind: 'connected', verdict: 'Every node hears every other.' });
  for (const name of names) {
    const ages = async () =>
      (await cluster.host(name).client.node()).contacts.map((contact) => contact.raftAgeMs);
    await expect.poll(ages, { timeout: 10_000 }).toEqual([expect.any(Number), expect.any(Number)]);
  }
});

test('I-EXPLAIN-1: a failover tells who saw whom, who voted, what was granted and what is lost', async () => {
  const before = (await cluster.primary()).name;
  const others = names.filter((name) => name !== before);
  await cluster.killNode(before);
  const after = await cluster.until(
    'the failover has opened',
    (status) => status.failover?.state === 'REJOIN' && status.primary !== null,
  );
  const { failover } = after;
  expect(failover).toMatchObject({
    kind: 'failover',
    oldPrimary: before,
    candidate: after.primary,
    neededVotes: 1,
    grant: { promote: true, timeline: after.timeline },
    dataLoss: { possible: false },
    detection: {
      network: { kind: 'cut-off', verdict: `Nobody hears ${before}: it is down, or cut off from everybody.` },
    },
  });
  const witnesses = failover?.detection.witnesses ?? [];
  expect(witnesses.map(({ node, answers }) => [node, answers]).sort()).toEqual(
    others.map((name) => [name, false]),
  );
  const chosen = failover?.candidates.find((candidate) => candidate.chosen);
  expect(chosen).toMatchObject({
    node: after.primary,
    supporters: others.filter((name) => name !== after.primary),
  });
  expect(failover?.steps.map((step) => step.state)).toEqual(
    expect.arrayContaining(['SEAL', 'GRANT', 'PREPARE_SYNC', 'REPOINT', 'PROMOTE', 'RECORD_TIMELINE']),
  );
  const silent = await cluster.until('it is silent', (status) => status.network?.kind === 'cut-off');
  expect(silent.network?.verdict).toBe(`Nobody hears ${before}: it is down, or cut off from everybody.`);
  await cluster.startDaemon(before);
  const healed = await cluster.until(
    'all hear each other again',
    (status) =>
      status.health === 'healthy' &&
      status.network?.kind === 'connected' &&
      status.failover?.state === 'DONE',
  );
  expect(healed.failover?.id).toBe(failover?.id);
});
