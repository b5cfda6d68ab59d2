import { setTimeout as delay } from 'node:timers/promises';
import type { ClusterState } from '@quantadb/engine/contract/cluster-state';
import { systemClock } from '@quantadb/engine/shared/clock';
import { missingNumbers, SequencedWriter } from '@quantadb/engine/testing/sequenced-writer';
import { afterEach, expect, test } from 'vitest';
import { credentials, RealCluster } from './testing/real-cluster.ts';
import { untilOver, untilTold } from './testing/told-alerts.ts';

const three = ['node-1', 'node-2', 'node-3'];
const five = [...three, 'node-4', 'node-5'];
let cluster: RealCluster;
let writer: SequencedWriter | undefined;

afterEach(async () => {
  await cluster.cleanUp(writer);
  writer = undefined;
});

async function startCluster(names: string[]): Promise<SequencedWriter> {
  cluster = await RealCluster.create(names);
  await cluster.startAll();
  await cluster.form('node-1', ['node-2', 'node-3']);
  const endpoints = cluster.endpoints(names);
  writer = new SequencedWriter({ endpoints, credentials, table: 'numbers', pauseMs: 8 });
  await writer.start();
  return writer;
}

async function stateNow(): Promise<ClusterState> {
  const { primary } = await cluster.untilHealthy();
  const { state } = await cluster.host(primary ?? '').client.state();
  if (!state) throw new Error('no state');
  return state;
}

/** On the primary, for a session that has just begun. */
async function settingOf(name: string): Promise<string> {
  const client = await cluster.connect((await cluster.primary()).name);
  const { rows } = await client.query<{ value: string }>('SELECT current_setting($1) AS value', [name]);
  await client.end();
  return rows[0]?.value ?? '';
}

/** Exactly these are in the set, and PostgreSQL waits as the log says. */
async function untilSet(names: string[], count: number): Promise<void> {
  const standbys = [...names].sort();
  const target = { electors: standbys, votes: standbys.length - count, standbys, count };
  await expect.poll(async () => (await stateNow()).syncSet, { timeout: 60_000 }).toEqual(target);
  const quoted = standbys.map((name) => `"${name}"`).join(', ');
  const wanted = count === 0 ? '' : `ANY ${count} (${quoted})`;
  const waitedFor = () => settingOf('synchronous_standby_names');
  await expect.poll(waitedFor, { timeout: 20_000 }).toBe(wanted);
}

async function expectAllThere(acknowledged: number[]): Promise<void> {
  const client = await cluster.connect((await cluster.primary()).name);
  expect(await missingNumbers(client, 'numbers', acknowledged)).toEqual([]);
  await client.end();
}

/** I-SYNC-10: of two sessions of an async cluster, only the one that begins after its role was set waits for standbys. */
async function expectOneRoleToWait(): Promise<void> {
  const change = { role: credentials.user, database: credentials.database };
  const { name } = await cluster.primary();
  const usual = await cluster.connect(name);
  await cluster.run(name, { kind: 'set-own-durability', change: { ...change, mode: 'quorum' } });
  const waiting = await cluster.connect(name);
  const settings = await cluster.host(name).client.settings();
  expect(settings?.ownDurabilities).toEqual([{ ...change, setting: 'on', mode: 'quorum' }]);
  await usual.query('CREATE TABLE waited (who text)');
  const receivers = await Promise.all(['node-2', 'node-3'].map(receiverOf));
  for (const pid of receivers) process.kill(pid, 'SIGSTOP');
  await usual.query("INSERT INTO waited VALUES ('usual')");
  const inserted = waiting.query("INSERT INTO waited VALUES ('waiting')").then(() => 'confirmed');
  expect(await Promise.race([inserted, delay(1500, 'waits')])).toBe('waits');
  for (const pid of receivers) process.kill(pid, 'SIGCONT');
  expect(await inserted).toBe('confirmed');
  await Promise.all([usual.end(), waiting.end()]);
  await cluster.run(name, { kind: 'set-own-durability', change: { ...change, mode: null } });
  expect((await cluster.host(name).client.settings())?.ownDurabilities).toEqual([]);
}

/** The process that acknowledges WAL on a standby. */
async function receiverOf(name: string): Promise<number> {
  const client = await cluster.connect(name);
  const { rows } = await client.query<{ pid: number }>('SELECT pid FROM pg_stat_wal_receiver');
  await client.end();
  const pid = rows[0]?.pid;
  if (pid === undefined) throw new Error(`${name} receives nothing`);
  return pid;
}

const without = (names: string[], ...gone: string[]) => names.filter((name) => !gone.includes(name));

test('I-SYNC-4 I-LOSS-1: a cluster grows to five nodes and shrinks to three under a writer, with a failover in between', async () => {
  const running = await startCluster(five);
  await untilSet(['node-2', 'node-3'], 1);
  const startedMs = systemClock.monotonicMs();
  await cluster.addNode('node-1', 'node-4');
  await untilSet(['node-2', 'node-3', 'node-4'], 2);
  await cluster.addNode('node-1', 'node-5');
  await untilSet(without(five, 'node-1'), 2);
  expect(running.longestPauseMs(startedMs)).toBeLessThan(5000);

  await cluster.killNode('node-1');
  const { primary } = await cluster.until(
    'another primary',
    (status) => status.primary !== null && status.primary !== 'node-1',
  );
  const written = running.acknowledgedCount();
  await cluster.until('writes go on', () => running.acknowledgedCount() > written + 50);
  await cluster.startDaemon('node-1');
  const second = primary ?? '';
  await untilSet(without(five, second), 2);

  const shrinkingMs = systemClock.monotonicMs();
  const [first, other] = without(five, second);
  await cluster.run(second, { kind: 'remove-node', node: first ?? '' });
  await untilSet(without(five, second, first ?? ''), 2);
  await cluster.run(second, { kind: 'remove-node', node: other ?? '' });
  await untilSet(without(five, second, first ?? '', other ?? ''), 1);
  expect(running.longestPauseMs(shrinkingMs)).toBeLessThan(5000);
  const { acknowledged } = await running.stop();
  expect(acknowledged.length).toBeGreaterThan(200);
  await expectAllThere(acknowledged);
});

test('an available cluster drops a dead standby, says so, writes on, and takes it back', async () => {
  const running = await startCluster(three);
  const durability = { mode: 'quorum', strictness: 'available', syncTimeoutMs: 2000 } as const;
  await cluster.run('node-1', { kind: 'set-durability', durability });
  await cluster.killNode('node-3');
  const shrunk = async () => (await cluster.host('node-1').client.state()).state?.syncSet.standbys;
  await expect.poll(shrunk, { timeout: 30_000 }).toEqual(['node-2']);
  const events = await cluster.host('node-1').client.events();
  expect(events.filter((event) => event.kind === 'sync-standby-dropped')).toMatchObject([
    { node: 'node-3', severity: 'warning' },
  ]);
  const written = running.acknowledgedCount();
  await cluster.until('writes go on', () => running.acknowledgedCount() > written + 50);
  const stopped = await receiverOf('node-2');
  process.kill(stopped, 'SIGSTOP');
  await expect.poll(shrunk, { timeout: 30_000 }).toEqual([]);
  const alone = running.acknowledgedCount();
  await cluster.until('the primary writes alone', () => running.acknowledgedCount() > alone + 50);
  const told = await untilTold(cluster, 'primary-alone', { via: 'node-1' });
  expect(told).toBe(
    'demo promises quorum, and its primary confirms writes alone: of 2 standbys none is waited for.',
  );
  process.kill(stopped, 'SIGCONT');
  await cluster.startDaemon('node-3');
  await untilSet(['node-2', 'node-3'], 1);
  await untilOver(cluster, 'primary-alone');
  const { acknowledged } = await running.stop();
  await expectAllThere(acknowledged);
});

test('I-SYNC-9: an async cluster becomes a synchronous one under a writer, and loses nothing that is acknowledged from then on', async () => {
  const running = await startCluster(three);
  const become = (mode: 'async' | 'all') => {
    const durability = { mode, strictness: 'strict', syncTimeoutMs: 10_000 } as const;
    return cluster.run('node-1', { kind: 'set-durability', durability });
  };
  await become('async');
  await expect.poll(() => settingOf('synchronous_commit'), { timeout: 20_000 }).toBe('local');
  await expectOneRoleToWait();
  const raised = await become('all');
  expect(raised.steps.at(-1)?.detail).toMatch(/^writes wait for 2 of node-2, node-3/);
  const before = running.acknowledgedCount();
  await cluster.until('writes', () => running.acknowledgedCount() > before + 50);
  await cluster.killNode('node-1');
  await cluster.until(
    'another primary',
    ({ primary, failover }) => primary !== null && primary !== 'node-1' && failover?.state === 'REJOIN',
  );
  await cluster.startDaemon('node-1');
  const { primary } = await cluster.untilHealthy();
  const { acknowledged } = await running.stop();
  await expectAllThere(acknowledged.slice(before));
  const { state } = await cluster.host(primary ?? '').client.state();
  expect((state?.failover ?? state?.pastFailovers.at(-1))?.dataLoss).toMatchObject({ possible: false });
});
