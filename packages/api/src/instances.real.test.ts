import { createSign } from 'node:crypto';
import { createCertificateRequest, renewalRequest } from '@quantadb/engine/security/pki';
import { io, type Socket } from 'socket.io-client';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { adminPassword, TestConsole, TestDatabase } from './testing/test-control-plane.ts';
import { TestHost } from './testing/test-host.ts';

/** Two console instances on one metadata database: a host at one of them, a browser at the other. */

const clusterId = '6f6a1a52-5a5e-4d1c-9d3e-0a3c3b0a7a11';
const addresses = {
  raft: { host: '127.0.0.1', port: 1 },
  api: { host: '127.0.0.1', port: 2 },
  postgres: { host: '127.0.0.1', port: 3 },
};

let database: TestDatabase;
let first: TestConsole;
let second: TestConsole;
let admin: string;
let host: { certificate: string; key: string };
const sockets: Socket[] = [];

beforeAll(async () => {
  database = await TestDatabase.start();
  first = await TestConsole.start(database);
  second = await TestConsole.start(database);
  const person = { name: 'Ada', email: 'admin@example.com', password: adminPassword };
  await first.call('POST', '/api/v1/setup', { body: person });
  admin = await first.signIn(person.email);
  const { body } = await first.call('POST', '/api/v1/hosts/enrolment-tokens', { as: admin, body: {} });
  const { requestPem, keyPem } = await createCertificateRequest('node-1');
  const request = {
    token: body.token,
    name: 'node-1',
    kind: 'data',
    addresses,
    certificateRequest: requestPem,
  };
  const enrolled = await first.call('POST', '/api/v1/enrol', { body: request });
  host = { certificate: enrolled.body.certificate, key: keyPem };
});

afterAll(async () => {
  for (const socket of sockets) socket.close();
  await first?.close();
  await second?.close();
  await database?.stop();
});

function open(url: string, headers: Record<string, string> = {}): Socket {
  const socket = io(url, {
    transports: ['websocket'],
    forceNew: true,
    reconnection: false,
    extraHeaders: headers,
  });
  sockets.push(socket);
  return socket;
}

/** A host's side of the link, up to its welcome. */
async function connectHost(instance: TestConsole, key = host.key, certificate = host.certificate) {
  const socket = open(`${instance.url}/nodes`);
  const answer = await new Promise<{ ok: boolean; reason?: string }>((resolve, reject) => {
    socket.once('connect_error', reject);
    socket.once('challenge', ({ nonce }: { nonce: string }) => {
      const signature = createSign('sha256').update(`quantadb link ${nonce}`).sign(key, 'base64');
      socket.emit('hello', { version: 1, release: 'test', certificate, signature }, resolve);
    });
  });
  return { socket, answer };
}

const node = {
  ...{
    name: 'node-1',
    kind: 'data',
    role: 'primary',
    state: 'running',
    detail: '',
    address: '127.0.0.1:3',
    postgres: null,
  },
  ...{
    api: 'http://127.0.0.1:2',
    timeline: 2,
    lsn: '0/3000000',
    lagBytes: 0,
    lagMs: 0,
    sync: 'none',
    raft: 'voter',
  },
  ...{ maintenance: false, clone: null },
};

function report(revision: number) {
  const status = {
    ...{
      name: 'demo',
      health: 'healthy',
      verdict: `Revision ${revision}.`,
      primary: 'node-1',
      epoch: 1,
      timeline: 2,
    },
    ...{
      durability: 'quorum',
      revision,
      raft: { leader: 'node-1', term: 1 },
      connect: null,
      routers: [],
      router: {},
      nodes: [node],
    },
  };
  const own = {
    ...{
      name: 'node-1',
      version: 'test',
      atMs: Date.now(),
      cluster: { id: clusterId, name: 'demo' },
      host: 'member',
    },
    ...{
      addresses,
      kind: 'data',
      role: 'primary',
      state: 'running',
      detail: '',
      epoch: 1,
      sealedEpoch: 0,
      timeline: 2,
    },
    ...{
      lsn: '0/3000000',
      replayLsn: null,
      receiverStatus: null,
      streamsFrom: null,
      leaseRemainingMs: 3000,
      vitals: null,
      standbys: [],
      clone: null,
    },
    ...{ raft: null, pids: { daemon: 1, reaper: 2, postgres: 3, routers: [] }, dataDir: '/data' },
  };
  const events = [
    { id: 1, atMs: Date.now(), severity: 'info', kind: 'test', node: null, message: 'It began.' },
  ];
  return {
    host: { name: 'node-1', state: 'member', cluster: 'demo', api: 'http://127.0.0.1:2' },
    node: own,
    picture: { clusterId, isDecider: true, status, events, operations: [] },
  };
}

test('a host without the key of its certificate is refused', async () => {
  const { keyPem } = await createCertificateRequest('node-1');
  const { answer } = await connectHost(first, keyPem);
  expect(answer).toMatchObject({ ok: false });
});

test('a host renews its certificate; the old one counts until the new one was shown, and no longer', async () => {
  const { socket } = await connectHost(first);
  const certificateRequest = await renewalRequest('node-1', host.key);
  const renewed = await socket.timeout(5000).emitWithAck('renew', { certificateRequest });
  expect(renewed).toMatchObject({ ok: true });
  const old = host.certificate;
  // As if the host had died before the new one was on its disk.
  expect((await connectHost(second)).answer).toMatchObject({ ok: true });
  host = { ...host, certificate: renewed.certificate };
  expect((await connectHost(second)).answer).toMatchObject({ ok: true });
  expect((await connectHost(first, host.key, old)).answer).toMatchObject({ ok: false });
  const garbage = await (await connectHost(first)).socket.timeout(5000).emitWithAck('renew', { x: 1 });
  expect(garbage).toEqual({ ok: false, reason: 'the request was not understood' });
});

test('what a host reports at one console reaches a browser at the other, and a call goes the other way', async () => {
  const { socket, answer } = await connectHost(first);
  expect(answer).toEqual({ ok: true });
  const browser = open(`${second.url}/live`, { cookie: admin });
  const seen = new Promise<{ status: { verdict: string } }>((resolve) => {
    browser.on('status', (live: { status: { verdict: string } }) => {
      if (live.status.verdict === 'Revision 7.') resolve(live);
    });
  });
  await new Promise((resolve) => browser.once('connect', () => resolve(undefined)));
  // The adapters need a moment to hear of each other.
  await expect
    .poll(async () => socket.timeout(3000).emitWithAck('report', report(7)), { timeout: 10_000 })
    .toMatchObject({ eventsUpTo: 1 });
  expect((await seen).status.verdict).toBe('Revision 7.');
  await socket.timeout(3000).emitWithAck('report', report(8));

  socket.on('call', ({ method }: { method: string }, reply: (value: unknown) => void) => {
    reply({ ok: false, code: 'REFUSED', message: `node-1 refuses to ${method}`, hint: 'it is a test' });
  });
  const path = `/api/v1/clusters/${clusterId}/operations/plan`;
  const intent = { kind: 'switchover', to: null };
  const ask = async () => (await second.call('POST', path, { as: admin, body: { intent } })).body?.message;
  await expect.poll(ask, { timeout: 15_000 }).toBe('node-1 refuses to plan');
  const { body } = await second.call('GET', `/api/v1/clusters/${clusterId}/events`, { as: admin });
  expect(body).toMatchObject([{ id: 1, message: 'It began.' }]);
});

test('an older report, through whichever console, never replaces a newer one', async () => {
  const { socket } = await connectHost(second);
  await socket.timeout(3000).emitWithAck('report', report(3));
  const { body } = await first.call('GET', `/api/v1/clusters/${clusterId}`, { as: admin });
  expect(body.status.revision).toBe(8);
});

test('I-BOARD-1: a host speaks for no cluster that lives and does not name it', async () => {
  const stranger = await TestHost.enrol(first, admin, 'stranger');
  await stranger.connect(second);
  const { socket } = await connectHost(second);
  await socket.timeout(3000).emitWithAck('report', report(8));
  await stranger.report({ id: clusterId, name: 'demo' }, { revision: 999 });
  const { body } = await second.call('GET', `/api/v1/clusters/${clusterId}`, { as: admin });
  expect(body.status).toMatchObject({ revision: 8, primary: 'node-1' });
  // Nor is it asked what the cluster's members are asked.
  const { rows } = await database.ask("SELECT cluster_id FROM host WHERE name = 'stranger'");
  expect(rows).toEqual([{ cluster_id: null }]);
  stranger.close();
});

test('I-BOARD-4: what is answered from memory is what the procedure answers', async () => {
  const ask = async (path: string, input: unknown) =>
    (
      await first.call('GET', `/api/trpc/${path}input=${encodeURIComponent(JSON.stringify(input))}`, {
        as: admin,
      })
    ).body;
  // What the host told the other console last may still be on its way to this one.
  const reportedAt = async (at: TestConsole) =>
    (await at.call('GET', `/api/v1/clusters/${clusterId}`, { as: admin })).body.reportedAt;
  const newest = await reportedAt(second);
  await expect.poll(() => reportedAt(first), { timeout: 15_000 }).toBe(newest);
  // The age is that of the moment.
  const aged = (told: unknown) =>
    JSON.parse(JSON.stringify(told, (key, value) => (key === 'ageMs' ? typeof value : value)));
  // Two questions in one request go through the procedures.
  const all = aged(await ask('clusters.list,clusters.get?batch=1&', { 0: {}, 1: { clusterId } }));
  expect(aged([await ask('clusters.list?', {}), await ask('clusters.get?', { clusterId })])).toEqual(all);
  const { body: listed } = await first.call('GET', '/api/v1/clusters', { as: admin });
  expect(aged(listed)).toEqual(all[0].result.data);
  const { body, headers } = await first.call('GET', `/api/v1/clusters/${clusterId}`, { as: admin });
  expect(aged(body)).toEqual(all[1].result.data);
  expect(body.ageMs).toBeGreaterThanOrEqual(0);
  const known = { 'if-none-match': headers.get('etag') ?? '' };
  const again = await first.call('GET', `/api/v1/clusters/${clusterId}`, { as: admin, headers: known });
  expect(again.status).toBe(304);
});

test('I-BOARD-2: a status that the metadata does not take keeps no other one from being stored', async () => {
  const { socket } = await connectHost(second);
  const { picture, ...rest } = report(8);
  const tell = (id: string, name: string, verdict: string) => {
    const told = { ...picture, clusterId: id, status: { ...picture.status, name, verdict } };
    return socket.timeout(3000).emitWithAck('report', { ...rest, picture: told });
  };
  // PostgreSQL's JSON has no zero byte, and a host may say one.
  await tell('0195a5a4-0000-7000-8000-00000000000d', 'odd', 'a\u0000b');
  await tell(clusterId, 'demo', 'Stored.');
  const shown = async () =>
    (await first.call('GET', `/api/v1/clusters/${clusterId}`, { as: admin })).body.status.verdict;
  await expect.poll(shown, { timeout: 15_000 }).toBe('Stored.');
});

test('I-EXPLAIN-1: a failover is kept as it was explained, and one that is over is not opened again', async () => {
  const { socket } = await connectHost(second);
  const begun = {
    ...{ id: 'f1', kind: 'failover', epoch: 2, fromEpoch: 1, oldPrimary: 'node-1', state: 'SEAL' },
    ...{
      reason: 'node-1 is silent',
      startedAtMs: Date.now(),
      candidates: [],
      candidate: null,
      blockedBy: null,
    },
    detection: { silentForMs: 1000, detail: 'no renewal' },
    ...{ steps: [{ state: 'SEAL', atMs: Date.now(), detail: 'asked' }], dataLoss: null },
  };
  const last = { state: 'DONE', atMs: Date.now() + 900, detail: 'over' };
  const over = {
    ...{ ...begun, state: 'DONE', candidate: 'node-2', steps: [...begun.steps, last] },
    dataLoss: { possible: false, detail: 'nothing' },
  };
  const path = `/api/v1/clusters/${clusterId}/failovers`;
  for (const [failover, state] of [
    [begun, 'SEAL'],
    [over, 'DONE'],
    [begun, 'DONE'],
  ] as const) {
    const { picture, ...rest } = report(8);
    await socket
      .timeout(3000)
      .emitWithAck('report', { ...rest, picture: { ...picture, failovers: [failover] } });
    const { body } = await first.call('GET', path, { as: admin });
    expect(body).toMatchObject([{ id: 'f1', state, oldPrimary: 'node-1', reason: 'node-1 is silent' }]);
  }
  const { body } = await first.call('GET', `${path}/f1`, { as: admin });
  expect(body).toMatchObject({ failover: over, endedAt: new Date(last.atMs).toISOString() });
  const unknown = await first.call('GET', `${path}/f2`, { as: admin });
  expect(unknown.status).toBe(404);
});

test('the live stream is for those who are signed in', async () => {
  const stranger = open(`${first.url}/live`);
  const error = await new Promise<Error>((resolve) => stranger.once('connect_error', resolve));
  expect(error.message).toBe('sign in first');
});

test('one console ends, the other goes on', async () => {
  await first.close();
  const { answer, socket } = await connectHost(second);
  expect(answer).toEqual({ ok: true });
  expect(await socket.timeout(3000).emitWithAck('report', report(9))).toEqual({ eventsUpTo: 1 });
  const { body } = await second.call('GET', '/api/v1/clusters', { as: admin });
  expect(body[0].status.verdict).toBe('Revision 9.');
  first = await TestConsole.start(database);
});

test('a cluster that was made anew has the name of the one before, which is shown no longer', async () => {
  const { socket } = await connectHost(second);
  const { node: own, picture, ...rest } = report(1);
  const id = '0195a5a4-0000-7000-8000-000000000002';
  const anew = {
    ...rest,
    node: { ...own, cluster: { id, name: 'demo' } },
    picture: { ...picture, clusterId: id },
  };
  const shown = async () => {
    await socket.timeout(3000).emitWithAck('report', anew);
    const { body } = await second.call('GET', '/api/v1/clusters', { as: admin });
    return body.map((each: { id: string; name: string }) => [each.id, each.name]);
  };
  await expect.poll(shown, { timeout: 30_000, interval: 500 }).toEqual([[id, 'demo']]);
});
