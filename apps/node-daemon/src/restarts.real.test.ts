import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pollUntil } from '@quantadb/engine/shared/deadline';
import { missingNumbers, SequencedWriter } from '@quantadb/engine/testing/sequenced-writer';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { credentials } from './testing/real-cluster.ts';
import { sharedCluster } from './testing/shared-cluster.ts';
import { untilOver, untilTold } from './testing/told-alerts.ts';

/** What restarts PostgreSQL or changes its settings, under a writer. */

const names = ['node-1', 'node-2', 'node-3'];
const shared = sharedCluster(names);
let writer: SequencedWriter;
let rounds = 0;

beforeEach(async () => {
  rounds += 1;
  const endpoints = shared().endpoints(names);
  writer = new SequencedWriter({ endpoints, credentials, table: `numbers_${rounds}`, pauseMs: 8 });
  await writer.start();
  await shared().until('writes', () => writer.acknowledgedCount() > 50);
});

afterEach(() => writer?.stop());

async function expectNothingLost(): Promise<void> {
  const cluster = shared();
  await cluster.untilHealthy();
  const { acknowledged } = await writer.stop();
  const client = await cluster.connect((await cluster.primary()).name);
  expect(await missingNumbers(client, `numbers_${rounds}`, acknowledged)).toEqual([]);
  await client.end();
}

async function settingOn(node: string, name: string): Promise<string> {
  const client = await shared().connect(node);
  const { rows } = await client.query<{ value: string }>('SELECT current_setting($1) AS value', [name]);
  await client.end();
  return rows[0]?.value ?? '';
}

const pidOf = async (name: string) => (await shared().host(name).client.node()).pids.postgres;

async function standbys(): Promise<string[]> {
  const { name } = await shared().primary();
  return names.filter((each) => each !== name);
}

test('a standby is restarted on its own; the primary is not', async () => {
  const cluster = shared();
  const { name, epoch } = { name: (await cluster.primary()).name, epoch: (await cluster.status())?.epoch };
  const [standby = ''] = await standbys();
  const before = await pidOf(standby);
  await cluster.run(name, { kind: 'restart-node', node: standby });
  expect(await pidOf(standby)).not.toBe(before);
  await expect(cluster.run(name, { kind: 'restart-node', node: name })).rejects.toThrow(/is the primary/);
  expect((await cluster.status())?.epoch).toBe(epoch);
  await expectNothingLost();
});

test('I-OP-4: what was scheduled begins once, at its time, by itself; what cannot begin then is told of', async () => {
  const cluster = shared();
  const { name: primary } = await cluster.primary();
  const [standby = ''] = await standbys();
  const before = await pidOf(standby);
  const at = (inMs: number, node: string) => ({
    ...{ kind: 'schedule-operation' as const, atMs: Date.now() + inMs, withinMinutes: 1 },
    request: { kind: 'restart-node' as const, node },
  });
  await cluster.run(primary, at(4000, standby));
  await cluster.run(primary, at(3000, primary));
  expect((await cluster.status())?.scheduled).toHaveLength(2);
  const { client } = cluster.host(primary);
  const operations = async () => (await client.operations()).filter(({ kind }) => kind === 'restart-node');
  const count = (await operations()).length;
  const isDone = async () => {
    const [newest, ...others] = (await operations()).slice(count).reverse();
    return newest?.state === 'done' && others.length === 0 ? newest : undefined;
  };
  const done = await pollUntil(isDone, { what: 'the restart', timeoutMs: 60_000, intervalMs: 200 });
  expect(done.params).toMatchObject({ node: standby });
  expect(await pidOf(standby)).not.toBe(before);
  const told = (await client.events(0)).map(({ message }) => message).join('\n');
  expect(told).toMatch(new RegExp(`Not begun: a restart of ${primary}, scheduled for .*is the primary`));
  expect((await cluster.status())?.scheduled).toEqual([]);
  await expectNothingLost();
});

test('I-RESTART-1: a parameter that needs a restart is pending until a rolling restart, which loses nothing', async () => {
  const cluster = shared();
  const { name } = await cluster.primary();
  const set = (parameters: Record<string, string | null>) =>
    cluster.run(name, { kind: 'set-parameters', parameters });
  const changed = await set({ max_connections: '120', work_mem: '7MB' });
  expect(changed.steps.at(-1)?.detail).toMatch(/^max_connections takes effect with a restart/);
  for (const node of names) expect(await settingOn(node, 'work_mem')).toBe('7MB');
  const pending = async () => (await cluster.status())?.nodes.map((node) => node.pendingRestart);
  await expect.poll(pending, { timeout: 10_000 }).toEqual(names.map(() => ['max_connections']));
  const told = await untilTold(cluster, 'pending-restart');
  expect(told).toMatch(/^node-[123] of demo waits for a restart: max_connections\.$/);
  const before = await Promise.all(names.map(pidOf));
  await cluster.run(name, { kind: 'rolling-restart' });
  const after = await cluster.untilHealthy();
  expect(after.primary).not.toBe(name);
  await expect.poll(pending, { timeout: 10_000 }).toEqual(names.map(() => []));
  await untilOver(cluster, 'pending-restart');
  const now = await Promise.all(names.map(pidOf));
  for (const [index, pid] of now.entries()) expect(pid, names[index]).not.toBe(before[index]);
  for (const node of names) expect(await settingOn(node, 'max_connections')).toBe('120');
  // Its default is less.
  await expect(set({ max_connections: null })).rejects.toThrow(/standbys cannot run with less/);
  await expectNothingLost();
});

test('I-RESTART-2: parameters that a node would refuse change nothing anywhere', async () => {
  const cluster = shared();
  const { name } = await cluster.primary();
  const set = (parameters: Record<string, string>) =>
    cluster.run(name, { kind: 'set-parameters', parameters });
  await expect(set({ work_mem: 'a lot' })).rejects.toThrow(/node-1: work_mem: PostgreSQL does not take/);
  await expect(set({ max_connections: '30' })).rejects.toThrow(/standbys cannot run with less/);
  await expect(set({ fsync: 'off' })).rejects.toThrow(/fsync/);
  const { state } = await cluster.host(name).client.state();
  expect(Object.keys(state?.parameters ?? {})).not.toContain('fsync');
  await expectNothingLost();
});

test('I-ACCESS-1: lines of pg_hba.conf count everywhere once every PostgreSQL has taken them, and nowhere before', async () => {
  const cluster = shared();
  const { name } = await cluster.primary();
  const set = (change: { add?: string[]; remove?: string[] }) =>
    cluster.run(name, { kind: 'set-access', change: { add: [], remove: [], first: false, ...change } });
  const lines = async (node: string) =>
    readFile(join(cluster.host(node).config.dataDir, 'pg_hba.conf'), 'utf8');
  // It looks well, and PostgreSQL knows better.
  const wrong = 'hostssl all all 10.0.0.0/8 cert clientcert=verify-ca';
  await expect(set({ add: [wrong] })).rejects.toThrow(/node-1: “hostssl.*verify-full/);
  for (const node of names) expect(await lines(node)).not.toContain(wrong);
  const office = 'host all all 192.0.2.0/24 scram-sha-256';
  const changed = await set({ add: [office] });
  expect(changed.steps.at(-1)?.detail).toBe('in force on every node');
  for (const node of names) expect(await lines(node)).toContain(`${office}\nlocal all all scram-sha-256`);
  await set({ remove: [office] });
  for (const node of names) expect(await lines(node)).not.toContain(office);
});

test('a role whose commits do not wait is named in the verdict', async () => {
  const cluster = shared();
  const client = await cluster.connect((await cluster.primary()).name);
  await client.query('ALTER ROLE app SET synchronous_commit = off');
  const told = await cluster.until('it is named', ({ verdict }) => verdict.includes('Outside this promise'));
  expect(told.verdict).toContain('Outside this promise: app (synchronous_commit=off).');
  await client.query('ALTER ROLE app RESET synchronous_commit');
  await client.end();
  await cluster.until('it is guarded again', ({ verdict }) => !verdict.includes('Outside'));
  await expectNothingLost();
});

test('I-RESTART-3: a standby gives up its data and starts over from a clone', async () => {
  const cluster = shared();
  const { name } = await cluster.primary();
  const [standby = ''] = await standbys();
  await cluster.run(name, { kind: 'reinitialise-node', node: standby });
  const events = await cluster.host(name).client.events(0);
  expect(events.map((event) => event.message).join('\n')).toMatch(
    new RegExp(`^${standby} starts over from a clone of ${name}: asked for by test\\.$`, 'm'),
  );
  await expectNothingLost();
});
