import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { ClusterStatus } from '@quantadb/engine/contract/status';
import { silentLogger } from '@quantadb/engine/shared/logger';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { StatusKeeper } from './clusters/status-keeper.ts';
import { createMetadataPools } from './metadata-pool.ts';
import { adminPassword, TestConsole, TestDatabase } from './testing/test-control-plane.ts';
import { TestHost } from './testing/test-host.ts';

/** What becomes of what hosts report, late and twice, at one console and at another. */

const cluster = { id: '6f6a1a52-5a5e-4d1c-9d3e-0a3c3b0a7a11', name: 'demo' };
const path = `/api/v1/clusters/${cluster.id}`;
const atMs = Date.UTC(2026, 0, 2);
/** As a standby of the decider's tells it that hears no decider. */
const deaf = { primary: 'node-1', isDecider: false };

let database: TestDatabase;
let first: TestConsole;
let second: TestConsole;
let admin: string;
/** At the first console, and at the second. */
let decider: TestHost;
let cutOff: TestHost;

beforeAll(async () => {
  database = await TestDatabase.start();
  first = await TestConsole.start(database);
  second = await TestConsole.start(database);
  const person = { name: 'Ada', email: 'admin@example.com', password: adminPassword };
  await first.call('POST', '/api/v1/setup', { body: person });
  admin = await first.signIn(person.email);
  decider = await TestHost.enrol(first, admin, 'node-1');
  cutOff = await TestHost.enrol(first, admin, 'node-1-b');
  await decider.connect(first);
  await cutOff.connect(second);
});

afterAll(async () => {
  decider?.close();
  cutOff?.close();
  await first?.close();
  await second?.close();
  await database?.stop();
});

const ask = async (at: TestConsole, what: string) => (await at.call('GET', what, { as: admin })).body;

test('an operation that has ended is not begun again by a node that has not heard the end', async () => {
  const begun = {
    ...{ id: randomUUID(), kind: 'switchover', state: 'running', params: {}, requestedBy: 'ada', reason: '' },
    ...{ steps: [], error: null, startedAtMs: atMs, endedAtMs: null },
  };
  const ended = { ...begun, state: 'done', endedAtMs: atMs + 1000 };
  const stands = async () => (await ask(first, `/api/v1/operations/${begun.id}`)).state;
  await cutOff.report(cluster, { ...deaf, operations: [begun] });
  expect(await stands()).toBe('running');
  await decider.report(cluster, { operations: [ended] });
  expect(await stands()).toBe('done');
  const later = {
    ...begun,
    steps: [{ name: 'Stop', state: 'running', detail: '', startedAtMs: atMs, endedAtMs: null }],
  };
  expect(await cutOff.report(cluster, { ...deaf, operations: [later] })).toBe(0);
  expect(await stands()).toBe('done');
});

test('I-EXPLAIN-1: the end of a failover that could not be stored once is stored when it is told again', async () => {
  const begun = {
    ...{ id: 'f1', kind: 'failover', epoch: 2, fromEpoch: 1, oldPrimary: 'node-1', state: 'SEAL' },
    ...{ reason: 'node-1 is silent', startedAtMs: atMs, candidates: [], candidate: null, blockedBy: null },
    detection: { silentForMs: 1000, detail: 'no renewal' },
    ...{ steps: [{ state: 'SEAL', atMs, detail: 'asked' }], dataLoss: null },
  };
  const last = { state: 'DONE', atMs: atMs + 900, detail: 'over' };
  const over = { ...begun, state: 'DONE', candidate: 'node-1-b', steps: [...begun.steps, last] };
  await decider.report(cluster, { failovers: [begun] });
  // Only an end is refused.
  await database.run('ALTER TABLE failover ADD CONSTRAINT refused CHECK (ended_at IS NULL)');
  expect(await decider.report(cluster, { failovers: [over] })).toBeNull();
  await database.run('ALTER TABLE failover DROP CONSTRAINT refused');
  expect(await decider.report(cluster, { failovers: [over] })).toBe(0);
  expect(await ask(first, `${path}/failovers`)).toMatchObject([{ id: 'f1', state: 'DONE' }]);
});

test('I-BOARD-1: a node that is cut off does not say at one console that there is no decider, while another one hears it', async () => {
  const leaderAt = async (at: TestConsole) => (await ask(at, path)).status.raft.leader;
  const revisionAtSecond = async () => {
    await decider.report(cluster, { revision: 2 });
    return (await ask(second, path)).status.revision;
  };
  await expect.poll(revisionAtSecond, { timeout: 15_000 }).toBe(2);
  const seen = new Set<string | null>();
  for (let look = 0; look < 12; look += 1) {
    await decider.report(cluster, { revision: 2 });
    await cutOff.report(cluster, { ...deaf, revision: 2 });
    for (const at of [first, second]) seen.add(await leaderAt(at));
    await delay(200);
    for (const at of [second, first]) seen.add(await leaderAt(at));
  }
  expect([...seen]).toEqual(['node-1']);
  // The decider is gone: what is left is what that node says.
  const heard = async () => {
    await cutOff.report(cluster, { ...deaf, revision: 2 });
    return [await leaderAt(first), await leaderAt(second)];
  };
  await expect.poll(heard, { timeout: 15_000, interval: 300 }).toEqual([null, null]);
});

test('I-BOARD-1: nor does the metadata take it from a console that has not read yet that another one hears the decider', async () => {
  const pools = createMetadataPools(database.url, silentLogger);
  const newKeeper = () => new StatusKeeper({ pools, logger: silentLogger, onNews: () => undefined });
  const [hearing, late] = [newKeeper(), newKeeper()];
  const told = async (keeper: StatusKeeper, leader: string | null) => {
    keeper.hear(cluster.id, { name: 'demo', revision: 9, raft: { leader, term: 1 } } as ClusterStatus);
    await keeper.store();
    const [row] = await database.run("SELECT status #>> '{raft,leader}' AS leader FROM cluster");
    return row;
  };
  expect(await told(late, null)).toEqual({ leader: null });
  expect(await told(hearing, 'node-1')).toEqual({ leader: 'node-1' });
  expect(await told(late, null)).toEqual({ leader: 'node-1' });
  await database.run("UPDATE cluster SET reported_at = reported_at - interval '4 s'");
  expect(await told(late, null)).toEqual({ leader: null });
  for (const keeper of [hearing, late]) await keeper.close();
  for (const pool of Object.values(pools)) await pool.end();
});
