import { once } from 'node:events';
import { createServer } from 'node:http';
import type { OperationRequest } from '@quantadb/engine/contract/operations';
import { QuantaError } from '@quantadb/engine/shared/errors';
import { demoState } from '@quantadb/engine/testing/demo-state';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ApiFixture, demoReport, demoStatus } from './api/testing/api-fixture.ts';
import { DaemonClient } from './client.ts';

let api: ApiFixture;
let local: DaemonClient;
let operator: DaemonClient;
let plain: DaemonClient;

beforeAll(async () => {
  api = await ApiFixture.start();
  const address = { host: '127.0.0.1', port: api.port };
  local = DaemonClient.overSocket(api.socketPath);
  operator = DaemonClient.overTls({ ...address, tls: await api.operator('ada') });
  plain = DaemonClient.plain(address);
});

afterAll(() => api.close());

const request: OperationRequest = { kind: 'switchover', to: 'node-2' };
const start = { request, planHash: 'h1', requestedBy: 'ada', reason: '' };

test('everybody reads the same', async () => {
  for (const client of [local, operator, plain]) {
    expect(await client.node()).toEqual(demoReport());
    expect(await client.host()).toMatchObject({ name: 'node-1', state: 'member' });
    expect((await client.state()).state).toEqual(demoState());
    expect(await client.status()).toEqual(demoStatus());
    expect(await client.events()).toEqual([]);
    expect(await client.operations()).toEqual([]);
  }
});

test('operators and the host’s administrator plan, start and shut down', async () => {
  for (const client of [local, operator]) {
    expect(await client.plan(request)).toMatchObject({ kind: 'switchover', hash: 'h1' });
    expect(await client.start(start)).toEqual({ operationId: 'one' });
    await client.shutdown('stop');
  }
  expect(api.engine.starts).toEqual([start, start]);
  await expect.poll(() => api.shutdowns).toEqual(['stop', 'stop']);
});

test('nobody else does', async () => {
  const refused = { code: 'UNAUTHORIZED', hint: expect.any(String) };
  await expect(plain.plan(request)).rejects.toMatchObject(refused);
  await expect(plain.start(start)).rejects.toMatchObject(refused);
  await expect(plain.shutdown('leave')).rejects.toMatchObject(refused);
});

describe('what goes wrong', () => {
  test('is the daemon’s own refusal', async () => {
    const { planned } = api.engine;
    api.engine.planned = async () => {
      throw new QuantaError('REFUSED', 'not now', { hint: 'later' });
    };
    const refused = { code: 'REFUSED', message: 'not now', hint: 'later' };
    await expect(operator.plan(request)).rejects.toMatchObject(refused);
    api.engine.planned = async () => {
      throw new Error('unforeseen');
    };
    await expect(operator.plan(request)).rejects.toMatchObject({ code: 'PROTOCOL_VIOLATION' });
    api.engine.planned = planned;
  });

  test('is that nobody is there', async () => {
    const nobody = [
      DaemonClient.overSocket('/no/such/socket'),
      DaemonClient.plain({ host: '127.0.0.1', port: 1 }),
    ];
    for (const client of nobody) {
      const unreachable = { code: 'PEER_UNREACHABLE', hint: expect.any(String) };
      await expect(client.node()).rejects.toMatchObject(unreachable);
    }
  });

  test('is that it does not answer in time', async () => {
    const { status } = api.engine;
    api.engine.status = () => new Promise(() => undefined);
    await expect(plain.status()).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    api.engine.status = status;
  });

  test.each([
    ['is no JSON', 200, '<html>'],
    ['has another shape', 200, '{"name":1}'],
    ['is an error of something else', 502, '{"message":"bad gateway"}'],
    ['never ends', 200, ' '.repeat(33 * 1024 * 1024)],
  ])('is an answer that %s', async (_, status, body) => {
    const server = createServer((_request, response) => {
      response.writeHead(status);
      response.end(body);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    const port = typeof address === 'object' && address ? address.port : 0;
    const client = DaemonClient.plain({ host: '127.0.0.1', port });
    await expect(client.node()).rejects.toMatchObject({ code: 'PROTOCOL_VIOLATION' });
    server.closeAllConnections();
    server.close();
  });
});
