import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createAuthority, issueHostCertificate } from '../security/pki.ts';
import { pollUntil } from '../shared/deadline.ts';
import { silentLogger } from '../shared/logger.ts';
import { freePort } from '../testing/free-port.ts';
import { type CommittedEntry, RaftDriver } from './driver.ts';
import { encodeFrame } from './frames.ts';
import type { LeaseGate } from './lease-ledger.ts';

/** Three drivers with their worker threads, real TLS on loopback, real files. */

type Authority = Awaited<ReturnType<typeof createAuthority>>;

interface TestNode {
  id: number;
  name: string;
  port: number;
  driver: RaftDriver;
  applied: string[];
  renewals: { holderId: number; epoch: number }[];
  fatal: Error | null;
}

const quick = { heartbeatMs: 50, electionMinMs: 400, electionMaxMs: 800 };
/** For tests that need one leader throughout: a busy machine is silent for longer than `quick` allows. */
const patient = { heartbeatMs: 50, electionMinMs: 2000, electionMaxMs: 3000 };

interface StartOptions {
  timing?: typeof quick;
  snapshotEveryEntries?: number;
}

let directory: string;
let authority: Authority;
let nodes: TestNode[];

beforeEach(async () => {
  directory = await mkdtemp(join(process.env.QUANTADB_TEST_DIR ?? tmpdir(), 'raft-'));
  authority = await createAuthority({ name: 'test' });
  nodes = [];
});

afterEach(async () => {
  await Promise.all(nodes.map((node) => node.driver.stop()));
  await rm(directory, { recursive: true, force: true });
});

async function certificateOf(name: string, by: Authority = authority) {
  const issued = await issueHostCertificate(by, { host: name, addresses: ['127.0.0.1'] });
  return { ca: by.certPem, cert: issued.certPem, key: issued.keyPem };
}

async function start(
  id: number,
  options: StartOptions & { bootstrap?: boolean; port?: number } = {},
): Promise<TestNode> {
  const name = `node-${id}`;
  const port = options.port ?? (await freePort());
  const applied: string[] = [];
  const renewals: TestNode['renewals'] = [];
  const node: TestNode = { id, name, port, applied, renewals, fatal: null, driver: null as never };
  node.driver = await RaftDriver.start({
    clusterId: 'cluster',
    id,
    directory: join(directory, name),
    self: { name, host: '127.0.0.1', port },
    listenHost: '127.0.0.1',
    tls: await certificateOf(name),
    bootstrap: options.bootstrap ?? false,
    timing: options.timing ?? quick,
    snapshotEveryEntries: options.snapshotEveryEntries ?? 2000,
    logger: silentLogger,
    onCommitted: (entries: CommittedEntry[]) => applied.push(...entries.map((entry) => entry.data)),
    onSnapshot: ({ data }) => applied.splice(0, applied.length, ...(JSON.parse(data) as string[])),
    takeSnapshot: () => JSON.stringify(applied),
    onStatus: () => undefined,
    onLeaseRenewal: ({ holderId, epoch }) => renewals.push({ holderId, epoch }),
    onFatal: (error) => {
      node.fatal = error;
    },
  });
  nodes = [...nodes.filter((other) => other.id !== id), node];
  return node;
}

async function until(what: string, isTrue: () => boolean): Promise<void> {
  await pollUntil(async () => (isTrue() ? true : undefined), { what, timeoutMs: 20_000, intervalMs: 10 });
}

async function add(leader: TestNode, node: TestNode): Promise<void> {
  const peer = { id: node.id, name: node.name, host: '127.0.0.1', port: node.port };
  expect(await leader.driver.changeConfiguration({ kind: 'add-learner', peer }, 10_000)).toEqual({
    ok: true,
  });
  expect(await leader.driver.changeConfiguration({ kind: 'promote', id: node.id }, 10_000)).toEqual({
    ok: true,
  });
}

async function threeNodes(options: StartOptions = {}): Promise<[TestNode, TestNode, TestNode]> {
  const first = await start(1, { bootstrap: true, ...options });
  await until('node-1 leads', () => first.driver.status().leaderSinceMs !== null);
  const second = await start(2, options);
  const third = await start(3, options);
  await add(first, second);
  await add(first, third);
  return [first, second, third];
}

function leaderAmong(candidates: TestNode[]): TestNode | undefined {
  return candidates.find((node) => node.driver.status().leaderSinceMs !== null);
}

async function propose(node: TestNode, ...values: string[]): Promise<void> {
  for (const value of values) expect(await node.driver.propose(value, 10_000)).toMatchObject({ ok: true });
}

test('one founds, two join; every command reaches all, in order', async () => {
  const all = await threeNodes();
  const values = Array.from({ length: 50 }, (_, each) => `command ${each}`);
  await propose(all[0], ...values);
  for (const node of all) {
    await until(`${node.name} has applied all`, () => node.applied.length === values.length);
    expect(node.applied).toEqual(values);
  }
  expect(await all[1].driver.propose('x', 1000)).toMatchObject({
    ok: false,
    reason: 'not_leader',
    leaderId: 1,
  });
});

test('a stopped leader is replaced, nothing committed is lost, and it catches up when it is back', async () => {
  const [first, second, third] = await threeNodes();
  await propose(first, 'before');
  await first.driver.stop();
  await until('another leads', () => leaderAmong([second, third]) !== undefined);
  const leader = leaderAmong([second, third]);
  if (!leader) throw new Error('no leader');
  await propose(leader, 'after');
  const back = await start(1, { port: first.port });
  await until('node-1 has both', () => back.applied.length === 2);
  expect(back.applied).toEqual(['before', 'after']);
});

test('the whole group stops and starts: state comes back from disk, through snapshots too', async () => {
  const all = await threeNodes({ snapshotEveryEntries: 20 });
  const values = Array.from({ length: 70 }, (_, each) => `value ${each}`);
  await propose(all[0], ...values);
  await Promise.all(all.map((node) => node.driver.stop()));
  const again = await Promise.all(
    all.map((node) => start(node.id, { port: node.port, snapshotEveryEntries: 20 })),
  );
  await until('somebody leads', () => leaderAmong(again) !== undefined);
  for (const node of again) await until(`${node.name} has all`, () => node.applied.length === values.length);
  expect(again[0]?.applied).toEqual(values);
});

test('leadership moves on request; a confirmed leadership is the leader’s alone', async () => {
  const [first, second] = await threeNodes({ timing: patient });
  expect(await first.driver.confirmLeadership(2000)).toEqual({ ok: true });
  expect(await second.driver.confirmLeadership(2000)).toMatchObject({ ok: false });
  expect(await first.driver.transferLeadership(2, 5000)).toEqual({ ok: true });
  await until('node-2 leads', () => second.driver.status().leaderSinceMs !== null);
  expect(first.driver.status().role).toBe('follower');
});

test('a lease is confirmed through the gate only, and not without a majority', async () => {
  const [first, second, third] = await threeNodes({ timing: patient });
  const renew = () => second.driver.renewLease({ epoch: 4, body: '' }, 1500);
  // Its thread may look at its sockets first: whatever it answers afterwards it answers with the gate in force.
  const setGate = async (gate: LeaseGate | null) => {
    first.driver.setLeaseGate(gate);
    expect(await first.driver.confirmLeadership(1500)).toMatchObject({ ok: true });
  };
  expect(await renew()).toMatchObject({ ok: false });
  await setGate({ epoch: 4, holderId: 2 });
  expect(await renew()).toMatchObject({ ok: true });
  // Its own thread tells of it when the answer may have arrived already.
  await expect.poll(() => first.renewals).toContainEqual({ holderId: 2, epoch: 4 });
  expect(await third.driver.renewLease({ epoch: 4, body: '' }, 1500)).toMatchObject({ ok: false });
  await third.driver.stop();
  expect(await renew()).toMatchObject({ ok: true });
  await setGate(null);
  expect(await renew()).toMatchObject({ ok: false });
  await setGate({ epoch: 4, holderId: 1 });
  await second.driver.stop();
  expect(await first.driver.renewLease({ epoch: 4, body: '' }, 700)).toMatchObject({ ok: false });
});

test('a leader whose main thread is silent hands over', async () => {
  const [first, second, third] = await threeNodes();
  // The silence of a blocked event loop, without blocking that of the test.
  (first.driver as unknown as { stopAlive(): void }).stopAlive();
  await until('another leads', () => leaderAmong([second, third]) !== undefined);
  expect(first.driver.status().role).not.toBe('leader');
});

test('a renewed certificate is shown to everybody who dials from then on; connections that stand go on', async () => {
  const first = await start(1, { bootstrap: true });
  const serialNow = () =>
    new Promise<string>((resolve, reject) => {
      const options = { ca: authority.certPem, host: '127.0.0.1', port: first.port };
      const socket = connect({ ...options, checkServerIdentity: () => undefined });
      socket.on('secureConnect', () => {
        resolve(socket.getPeerCertificate().serialNumber);
        socket.destroy();
      });
      socket.on('error', reject);
    });
  const before = await serialNow();
  expect(await serialNow()).toBe(before);
  first.driver.useCertificate(await certificateOf('node-1'));
  await expect.poll(serialNow, { timeout: 10_000 }).not.toBe(before);
  await until('node-1 leads', () => first.driver.status().leaderSinceMs !== null);
  await propose(first, 'still here');
});

test('strangers are kept out: another authority, another name, another cluster, garbage', async () => {
  const first = await start(1, { bootstrap: true });
  const foreign = await certificateOf('node-2', await createAuthority({ name: 'foreign' }));
  const own = await certificateOf('node-2');
  const hello = (name: string, clusterId: string) =>
    encodeFrame({
      kind: 'hello',
      clusterId,
      from: { id: 2, name, host: '127.0.0.1', port: 1 },
      version: 'test',
    });
  const endOf = (tls: { ca: string; cert: string; key: string }, data: Buffer) =>
    new Promise<string>((resolve) => {
      const socket = connect({
        ...tls,
        ca: authority.certPem,
        host: '127.0.0.1',
        port: first.port,
        checkServerIdentity: () => undefined,
      });
      socket.on('secureConnect', () => socket.write(data));
      socket.on('error', (error) => resolve(error.message));
      socket.on('close', () => resolve('closed'));
      socket.resume();
    });
  expect(await endOf(foreign, hello('node-2', 'cluster'))).not.toBe('');
  expect(await endOf(own, hello('node-3', 'cluster'))).toBe('closed');
  expect(await endOf(own, hello('node-2', 'other'))).toBe('closed');
  expect(await endOf(own, Buffer.from('GET / HTTP/1.1\r\n\r\n'))).toBe('closed');
  await propose(first, 'still here');
});
