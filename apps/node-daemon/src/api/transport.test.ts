import { once } from 'node:events';
import { stat, writeFile } from 'node:fs/promises';
import { connect, createServer, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { afterEach, describe, expect, test } from 'vitest';
import type { ApiLimits } from './limits.ts';
import { ApiFixture } from './testing/api-fixture.ts';

/** What connections may do to the one port: come slowly, stop half-way, go away, or be too many. */

const hasty: Partial<ApiLimits> = {
  handshakeTimeoutMs: 200,
  headersTimeoutMs: 200,
  requestTimeoutMs: 400,
  answerTimeoutMs: 200,
  checkEveryMs: 50,
};
const request = 'GET /liveness HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n';
const firstByteOfTls = Buffer.from([0x16]);

const cleanUps: (() => unknown)[] = [];

afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

async function start(limits: Partial<ApiLimits> = {}): Promise<ApiFixture> {
  const api = await ApiFixture.start(limits);
  cleanUps.push(() => api.close());
  return api;
}

async function dial(port: number): Promise<Socket> {
  const socket = connect({ host: '127.0.0.1', port, noDelay: true });
  cleanUps.push(() => socket.destroy());
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  return socket;
}

/** All that comes until the connection ends. */
async function untilClosed(socket: Socket): Promise<string> {
  let text = '';
  socket.on('data', (piece: Buffer) => {
    text += piece.toString();
  });
  if (!socket.closed) await once(socket, 'close');
  return text;
}

/** A proxy that passes on what clients send one byte at a time. */
async function bytewiseProxy(target: number): Promise<number> {
  const proxy = createServer((client) => {
    const server = connect({ host: '127.0.0.1', port: target, noDelay: true });
    for (const [one, other] of [
      [client, server],
      [server, client],
    ] as const) {
      one.on('error', () => other.destroy());
      one.on('close', () => other.destroy());
    }
    server.on('data', (piece) => client.write(piece));
    const bytes: number[] = [];
    const next = () => {
      const byte = bytes[0];
      if (byte === undefined || server.destroyed) return;
      server.write(Buffer.from([byte]), () => {
        bytes.shift();
        setImmediate(next);
      });
    };
    client.on('data', (piece: Buffer) => {
      const isIdle = bytes.length === 0;
      bytes.push(...piece);
      if (isIdle) next();
    });
  });
  cleanUps.push(() => proxy.close());
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  const address = proxy.address();
  return typeof address === 'object' && address ? address.port : 0;
}

describe('a client that sends one byte at a time is served', () => {
  test('in the clear', async () => {
    const { port } = await start();
    const socket = await dial(await bytewiseProxy(port));
    socket.write(request);
    expect(await untilClosed(socket)).toMatch(/^HTTP\/1\.1 200/);
  });

  test('over TLS', async () => {
    const api = await start();
    const socket = connectTls({
      host: '127.0.0.1',
      port: await bytewiseProxy(api.port),
      ...(await api.operator('ada')),
      checkServerIdentity: () => undefined,
    });
    cleanUps.push(() => socket.destroy());
    socket.write(request);
    expect(await untilClosed(socket)).toMatch(/^HTTP\/1\.1 200/);
  });
});

describe('a client that does not go on is dropped', () => {
  test.each([
    ['sends nothing', ''],
    ['stops in the TLS handshake', firstByteOfTls],
    ['stops in its headers', 'GET /liveness HTTP/1.1\r\nhost:'],
    [
      'stops in its body',
      'POST /api/shutdown HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n{',
    ],
  ])('when it %s', async (_, sent) => {
    const socket = await dial((await start(hasty)).port);
    if (sent.length > 0) socket.write(sent);
    await untilClosed(socket);
  });

  test('when it stops in the second request of a connection', async () => {
    const socket = await dial((await start(hasty)).port);
    socket.write('GET /liveness HTTP/1.1\r\nhost: x\r\n\r\n');
    await once(socket, 'data');
    socket.write('GET /liveness HTTP/1.1\r\n');
    await untilClosed(socket);
  });

  test('on the unix socket too', async () => {
    const api = await start(hasty);
    const socket = connect({ path: api.socketPath });
    cleanUps.push(() => socket.destroy());
    socket.on('error', () => undefined);
    socket.write('GET /liveness HTTP/1.1\r\n');
    await untilClosed(socket);
  });

  test('when it does not take its answer', async () => {
    const api = await start(hasty);
    api.engine.metrics = async () => 'x'.repeat(64 * 1024 * 1024);
    const socket = await dial(api.port);
    socket.pause();
    socket.write('GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n');
    await expect.poll(() => api.connections(), { timeout: 10_000 }).toBe(0);
  });
});

test('an answer that takes its time is waited for', async () => {
  const api = await start(hasty);
  api.engine.planned = async (asked) => {
    await new Promise((resolve) => setTimeout(resolve, 1000));
    throw new Error(asked.kind);
  };
  const body = JSON.stringify({ kind: 'switchover', to: null });
  const reply = await api.send('local', { method: 'POST', path: '/api/operations/plan', body });
  expect(reply.status).toBe(500);
});

test('clients that go away in the middle leave nothing behind', async () => {
  const api = await start();
  const half = 'POST /api/shutdown HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{';
  for (const sent of ['', firstByteOfTls, 'GET', 'GET /api/status HTTP/1.1\r\nhost: x\r\n\r\n', half]) {
    const socket = await dial(api.port);
    if (sent.length > 0) socket.write(sent);
    socket.resetAndDestroy();
  }
  await expect.poll(() => api.connections()).toBe(0);
  expect((await api.send('plain', { path: '/liveness' })).status).toBe(200);
});

test('clients in the clear leave room for peers, and nobody shuts out the administrator', async () => {
  const api = await start({ connectionsMax: 3, plainConnectionsMax: 2 });
  const peer = await api.peer('node-2');
  for (let count = 0; count < 2; count += 1) {
    const socket = await dial(api.port);
    socket.write('GET /liveness HTTP/1.1\r\nhost: x\r\n\r\n');
    await once(socket, 'data');
  }
  expect((await api.send('plain', { path: '/liveness' })).status).toBe(0);
  await expect.poll(() => api.connections()).toBe(2);
  expect((await api.send(peer, { path: '/liveness' })).status).toBe(200);
  await expect.poll(() => api.connections()).toBe(2);
  await dial(api.port);
  await expect.poll(() => api.connections()).toBe(3);
  expect((await api.send(peer, { path: '/liveness' })).status).toBe(0);
  expect((await api.send('local', { path: '/liveness' })).status).toBe(200);
});

describe('the unix socket', () => {
  test('is for the daemon’s own user only, and takes the place of a stale one', async () => {
    const previous = process.umask(0);
    cleanUps.push(() => process.umask(previous));
    const api = await start();
    expect((await stat(api.socketPath)).mode & 0o777).toBe(0o600);
    await api.stop();
    await writeFile(api.socketPath, '');
    await api.open();
    expect((await stat(api.socketPath)).mode & 0o777).toBe(0o600);
    expect((await api.send('local', { path: '/liveness' })).status).toBe(200);
    expect(process.umask()).toBe(0);
  });
});

test('a renewed certificate is shown to everybody who dials from then on', async () => {
  const api = await start();
  const serialNow = async () => {
    const socket = connectTls({ host: '127.0.0.1', port: api.port, rejectUnauthorized: false });
    cleanUps.push(() => socket.destroy());
    socket.on('error', () => undefined);
    await once(socket, 'secureConnect');
    return socket.getPeerCertificate().serialNumber;
  };
  const before = await serialNow();
  expect(await serialNow()).toBe(before);
  await api.renewCertificate();
  expect(await serialNow()).not.toBe(before);
});

test('a port or a socket that cannot be had is named, and nothing stays open', async () => {
  const api = await start();
  await expect(api.openAnother({ port: api.port })).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
    message: expect.stringContaining(`127.0.0.1:${api.port}`),
    hint: expect.any(String),
  });
  const socketPath = '/no/such/directory/daemon.sock';
  await expect(api.openAnother({ port: 0, socketPath })).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
    message: expect.stringContaining(socketPath),
  });
  expect((await api.send('local', { path: '/liveness' })).status).toBe(200);
});
