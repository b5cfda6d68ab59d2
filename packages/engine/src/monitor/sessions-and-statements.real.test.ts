import pg from 'pg';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import type { Session } from '../contract/sessions.ts';
import { createApplication } from '../postgres/application-role.ts';
import { sql, TestCluster, type TestNode } from '../postgres/testing/test-cluster.ts';
import { pollUntil } from '../shared/deadline.ts';
import { silentLogger } from '../shared/logger.ts';
import { ReplicationDesk } from './replication/replication-desk.ts';
import { blockingForest } from './sessions/blocking.ts';
import { SessionDesk } from './sessions/session-desk.ts';
import { StatementsKeeper } from './statements/statements-keeper.ts';

const app = { role: 'app', database: 'app', password: 'a password for tests' };

let cluster: TestCluster;
let node: TestNode;
let desk: SessionDesk;

beforeAll(async () => {
  cluster = await TestCluster.create();
  node = await cluster.primary('node-1');
  await createApplication(node.place, app);
  desk = new SessionDesk({ place: node.place, isRunning: () => true });
});

afterAll(async () => {
  await cluster?.cleanUp();
});

async function client(name: string): Promise<pg.Client & { pid: number }> {
  const { role: user, database, password } = app;
  const made = new pg.Client({
    ...{ host: '127.0.0.1', port: node.place.port, user, database, password, application_name: name },
  });
  made.on('error', () => undefined);
  onTestFinished(() => made.end().catch(() => undefined));
  await made.connect();
  const { rows } = await made.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
  return Object.assign(made, { pid: rows[0]?.pid ?? 0 });
}

function untilSeen(pid: number, is: (session: Session) => boolean): Promise<Session> {
  const seen = async () => (await desk.list()).sessions.find((each) => each.pid === pid && is(each));
  return pollUntil(seen, { what: `session ${pid} is seen`, timeoutMs: 15_000, intervalMs: 200 });
}

test('I-SESSION-1: a blocked statement is seen with whom it waits for, cancelled, and its blocker terminated, and no other session', async () => {
  const [holder, waiter] = [await client('holder'), await client('waiter')];
  await holder.query('CREATE TABLE stock (n int); INSERT INTO stock VALUES (1)');
  await holder.query('BEGIN; UPDATE stock SET n = 2');
  const attempt = () =>
    waiter.query('UPDATE stock SET n = 3 /* the one that waits */').catch((error) => error);
  const first = attempt();
  const blocked = await untilSeen(waiter.pid, ({ blockedBy }) => blockedBy.length > 0);
  expect(blocked).toMatchObject({
    ...{ kind: 'client', user: 'app', database: 'app', application: 'waiter', client: '127.0.0.1' },
    ...{ state: 'active', wait: 'Lock: transactionid', blockedBy: [holder.pid], protectedBecause: null },
  });
  expect(blocked.text).toContain('the one that waits');
  const { sessions } = await desk.list();
  expect(sessions[0]).toMatchObject({ pid: holder.pid, state: 'idle in transaction' });
  expect(blockingForest(sessions)).toMatchObject([
    { pid: holder.pid, depth: 0, waiting: 1 },
    { pid: waiter.pid, depth: 1, waiting: 0 },
  ]);

  const { pid, startedAt } = blocked;
  expect(await desk.end({ pid, startedAt, how: 'cancel' })).toEqual({ outcome: 'ended' });
  expect(await first).toMatchObject({ code: '57014' });
  expect(await desk.end({ pid, startedAt, how: 'cancel' })).toEqual({ outcome: 'ran-nothing' });

  const held = await untilSeen(holder.pid, () => true);
  const other = { pid: held.pid, startedAt: String(BigInt(held.startedAt) + 1n), how: 'terminate' as const };
  expect(await desk.end(other)).toEqual({ outcome: 'was-gone' });
  const second = attempt();
  await untilSeen(waiter.pid, ({ blockedBy }) => blockedBy.length > 0);
  expect(await desk.end({ ...other, startedAt: held.startedAt })).toEqual({ outcome: 'ended' });
  expect(await second).toMatchObject({ rowCount: 1 });
  expect(await desk.end({ ...other, startedAt: held.startedAt })).toEqual({ outcome: 'was-gone' });
});

test('I-SESSION-1: neither QuantaDB’s own sessions are ended, nor the server’s, nor a commit that waits for the standbys', async () => {
  await node.supervisor.sample();
  const { sessions } = await desk.list();
  const own = sessions.find(({ kind }) => kind === 'own');
  const server = sessions.find(({ kind }) => kind === 'server');
  for (const each of [own, server]) {
    const { pid = 0, startedAt = '' } = each ?? {};
    await expect(desk.end({ pid, startedAt, how: 'terminate' })).rejects.toThrow('is not ended');
  }
  const writer = await client('writer');
  const order = { set: { standbys: ['node-9'], count: 1 }, mode: 'quorum' as const };
  await node.supervisor.applySynchronous({ ...order, mark: { clusterId: 'c1', move: 1 } });
  await writer.query('SET synchronous_commit = on');
  const commit = writer.query('CREATE TABLE waits ()').catch((error: unknown) => error);
  const { pid, startedAt, protectedBecause } = await untilSeen(
    writer.pid,
    ({ wait }) => wait === 'IPC: SyncRep',
  );
  expect(protectedBecause).toContain('only this node has it');
  await expect(desk.end({ pid, startedAt, how: 'cancel' })).rejects.toThrow('waits for the standbys');
  await node.supervisor.applySynchronous({
    ...{ set: { standbys: [], count: 0 }, mode: 'quorum' as const },
    mark: { clusterId: 'c1', move: 2 },
  });
  expect(await commit).toMatchObject({ command: 'CREATE' });
});

test('I-STATEMENT-1: what was spent on statements is told from look to look, also after their counters began anew', async () => {
  const keeper = new StatementsKeeper({ place: node.place, isRunning: () => true, logger: silentLogger });
  const worker = await client('worker');
  const times = async (count: number) => {
    for (let at = 0; at < count; at += 1)
      await worker.query('SELECT count(*) FROM pg_class WHERE relpages > $1', [at]);
  };
  const look = async () => {
    await keeper.look();
    const { top = [], problem } = keeper.told() ?? {};
    const found = top.find(({ text }) => text?.includes('relpages'));
    return {
      problem,
      calls: found?.calls,
      user: found?.user,
      ownLooks: top.filter(({ user }) => user === 'quantadb'),
    };
  };
  await times(3);
  await keeper.look();
  expect(keeper.told()).toBeNull();
  await times(5);
  expect(await look()).toEqual({ problem: null, calls: 5, user: 'app', ownLooks: [] });
  await sql(node, 'SELECT pg_stat_statements_reset()');
  await worker.query("ALTER ROLE app PASSWORD 'a password for tests'");
  await times(20);
  expect(await look()).toMatchObject({ calls: 20 });
  const { top = [], rest } = keeper.told() ?? {};
  expect(top.filter(({ text }) => text === null).length).toBe(1);
  expect(JSON.stringify(top)).not.toContain(app.password);
  expect(rest?.calls).toBe(0);
  await sql(node, 'DROP EXTENSION pg_stat_statements');
  onTestFinished(() => sql(node, 'CREATE EXTENSION pg_stat_statements').then(() => undefined));
  expect((await look()).problem).toContain('CREATE EXTENSION pg_stat_statements');
});

test('what a server sends and keeps of WAL is told; one that does not run says so', async () => {
  const slot = "SELECT pg_create_physical_replication_slot('waiting', true)";
  await sql(node, slot);
  onTestFinished(async () => void (await sql(node, "SELECT pg_drop_replication_slot('waiting')")));
  await sql(node, 'CREATE TABLE written AS SELECT generate_series(1, 20000) AS n');
  const told = await new ReplicationDesk({ place: node.place, isRunning: () => true }).look();
  expect(told).toMatchObject({ isStandby: false, senders: [], receiver: null, conflicts: null });
  expect(told.slots).toMatchObject([
    { name: 'waiting', kind: 'physical', database: null, isActive: false, walStatus: 'reserved' },
  ]);
  expect(told.slots[0]?.keptBytes).toBeGreaterThan(500_000);
  const stopped = new ReplicationDesk({ place: node.place, isRunning: () => false });
  await expect(stopped.look()).rejects.toThrow('is not running');
});
