import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { createAuthority } from '@quantadb/engine/security/pki';
import { QuantaError } from '@quantadb/engine/shared/errors';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { ApiFixture, demoReport } from './api/testing/api-fixture.ts';
import { HttpsPeerCaller } from './peer-client.ts';

/** One daemon calls another, through a proxy that can end connections as a lost host would. */

let api: ApiFixture;
let proxy: ResettingProxy;
let caller: HttpsPeerCaller;
const deadlineMs = 10_000;

class ResettingProxy {
  accepted = 0;
  /** Connections up to this one are reset as soon as they are used. */
  deadUpTo = 0;
  private readonly server: Server;
  private readonly sockets = new Set<Socket>();

  constructor(target: () => number) {
    this.server = createServer((client) => {
      this.accepted += 1;
      const number = this.accepted;
      const upstream = connect({ host: '127.0.0.1', port: target() });
      for (const socket of [client, upstream]) {
        this.sockets.add(socket);
        socket.on('error', () => undefined);
        socket.once('close', () => this.sockets.delete(socket));
      }
      client.on('data', (piece) => {
        if (number > this.deadUpTo) upstream.write(piece);
        else client.resetAndDestroy();
      });
      upstream.on('data', (piece) => client.write(piece));
      upstream.once('close', () => client.destroy());
      client.once('close', () => upstream.destroy());
    });
  }

  async listen(): Promise<number> {
    this.server.listen(0, '127.0.0.1');
    await once(this.server, 'listening');
    return portOf(this.server);
  }

  close(): void {
    this.server.close();
    for (const socket of this.sockets) socket.destroy();
  }
}

function portOf(server: Server): number {
  const address = server.address();
  return typeof address === 'object' && address ? address.port : 0;
}

let peer: { name: string; host: string; port: number };

beforeAll(async () => {
  api = await ApiFixture.start();
});

afterAll(() => api.close());

beforeEach(async () => {
  proxy = new ResettingProxy(() => api.port);
  peer = { name: 'node-1', host: '127.0.0.1', port: await proxy.listen() };
  caller = new HttpsPeerCaller({ tls: await api.peer('node-2') });
  return () => {
    caller.close();
    proxy.close();
  };
});

const report = () => caller.call(peer, 'report', {}, deadlineMs);

test('calls share one connection, and parallel ones a bounded number', async () => {
  for (let count = 0; count < 5; count += 1) expect(await report()).toEqual(demoReport());
  expect(proxy.accepted).toBe(1);
  await Promise.all(Array.from({ length: 40 }, report));
  expect(proxy.accepted).toBeLessThanOrEqual(8);
});

test('a refusal is the error that it was on the other side', async () => {
  await expect(caller.call(peer, 'no-such-method', {}, deadlineMs)).rejects.toMatchObject({
    code: 'NOT_FOUND',
    message: 'no peer method no-such-method',
  });
  api.engine.node = new Proxy(demoReport(), {
    ownKeys: () => {
      throw new QuantaError('NO_QUORUM', 'not now', { hint: 'later' });
    },
  });
  const refused = { code: 'NO_QUORUM', message: 'not now', hint: 'later' };
  await expect(report()).rejects.toMatchObject(refused);
  api.engine.node = demoReport();
});

test('a deadline may be what is left of another one, to a fraction of a millisecond', async () => {
  expect(await caller.call(peer, 'report', {}, 9_999.25)).toEqual(demoReport());
  await expect(caller.call(peer, 'report', {}, -0.5)).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
});

describe('a connection that has died while it was idle', () => {
  test('is replaced within the call', async () => {
    await report();
    proxy.deadUpTo = proxy.accepted;
    expect(await report()).toEqual(demoReport());
    expect(proxy.accepted).toBe(2);
  });

  test('is replaced by a fresh one, not by another that has died with it', async () => {
    await Promise.all([report(), report()]);
    expect(proxy.accepted).toBe(2);
    proxy.deadUpTo = 2;
    expect(await report()).toEqual(demoReport());
  });

  test('is replaced once only', async () => {
    await report();
    proxy.deadUpTo = Number.POSITIVE_INFINITY;
    await expect(report()).rejects.toMatchObject({ code: 'PEER_UNREACHABLE', hint: expect.any(String) });
    expect(proxy.accepted).toBe(2);
  });

  test('but not a new one: the call may have been heard', async () => {
    proxy.deadUpTo = Number.POSITIVE_INFINITY;
    await expect(report()).rejects.toMatchObject({ code: 'PEER_UNREACHABLE' });
    expect(proxy.accepted).toBe(1);
  });
});

test('a daemon that was restarted is called again', async () => {
  await report();
  await api.restart();
  expect(await report()).toEqual(demoReport());
});

describe('the peer must be who it is called', () => {
  test('another host of the installation is not', async () => {
    const wrong = caller.call({ ...peer, name: 'node-3' }, 'report', {}, deadlineMs);
    await expect(wrong).rejects.toMatchObject({
      code: 'PEER_UNREACHABLE',
      message: expect.stringContaining('expected node-3, found node-1'),
    });
  });

  test('nor is a host of another installation, in either direction', async () => {
    const other = await createAuthority({ name: 'test' });
    const foreign = await api.peer('node-2', other);
    for (const tls of [foreign, { ...foreign, ca: other.certPem }]) {
      const stranger = new HttpsPeerCaller({ tls });
      const call = stranger.call(peer, 'report', {}, deadlineMs);
      await expect(call).rejects.toMatchObject({ code: 'PEER_UNREACHABLE' });
      stranger.close();
    }
  });

  test('also on every further connection', async () => {
    await Promise.all([report(), report(), report()]);
    const wrong = { ...peer, name: 'node-3' };
    for (let count = 0; count < 2; count += 1) {
      const call = caller.call(wrong, 'report', {}, deadlineMs);
      await expect(call).rejects.toMatchObject({ code: 'PEER_UNREACHABLE' });
    }
  });
});

describe('the deadline', () => {
  const shortMs = 200;

  test('covers a peer that accepts and says nothing', async () => {
    const silent = createServer(() => undefined);
    silent.listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const call = caller.call({ ...peer, port: portOf(silent) }, 'report', {}, shortMs);
    await expect(call).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    caller.close();
    silent.close();
  });

  test('covers an engine that does not answer, and calls that wait for a connection', async () => {
    const { peerCall } = api.engine;
    api.engine.peerCall = () => new Promise(() => undefined);
    const calls = Array.from({ length: 20 }, () => caller.call(peer, 'report', {}, shortMs));
    const codes = (await Promise.allSettled(calls)).map((call) =>
      call.status === 'rejected' ? (call.reason as QuantaError).code : 'answered',
    );
    expect(new Set(codes)).toEqual(new Set(['DEADLINE_EXCEEDED']));
    api.engine.peerCall = peerCall;
    expect(await report()).toEqual(demoReport());
  });

  test('is not waited for when nobody listens', async () => {
    const call = caller.call({ ...peer, port: 1 }, 'report', {}, deadlineMs);
    await expect(call).rejects.toMatchObject({ code: 'PEER_UNREACHABLE' });
  });
});
