import { mkdtemp, rm } from 'node:fs/promises';
import { request as httpsRequest } from 'node:https';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DaemonFacade } from '@quantadb/engine/contract/daemon-facade';
import type { OperationRequest } from '@quantadb/engine/contract/operations';
import {
  type Authority,
  createAuthority,
  issueHostCertificate,
  issueOperatorCertificate,
} from '@quantadb/engine/security/pki';
import { QuantaError } from '@quantadb/engine/shared/errors';
import { silentLogger } from '@quantadb/engine/shared/logger';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DaemonClient } from '../client.ts';
import { HttpsPeerCaller } from '../peer-client.ts';
import { type Api, startApi } from './server.ts';

/** The API over real sockets; the engine behind it is a stand-in that says who asked. */

let directory: string;
let authority: Authority;
let api: Api;
const asked: string[] = [];
const shutdowns: string[] = [];

const facade = {
  report: () => ({
    name: 'node-1',
    kind: 'data',
    role: 'primary',
    state: 'running',
    detail: '',
    timeline: 2,
    epoch: 1,
  }),
  host: () => ({ name: 'node-1', state: 'available', cluster: null, api: 'http://127.0.0.1:1' }),
  state: () => null,
  clusterStatus: async () => null,
  metrics: async () => 'quantadb_primary 1\n',
  events: () => [],
  operations: () => [],
  plan: async () => {
    throw new QuantaError('REFUSED', 'not now', { hint: 'later' });
  },
  start: async () => ({ operationId: 'one' }),
  peerCall: async (peer: string, method: string) => {
    asked.push(`${peer}: ${method}`);
    return { peer };
  },
} as unknown as DaemonFacade;

async function open(port = 0): Promise<Api> {
  const issued = await issueHostCertificate(authority, { host: 'node-1', addresses: ['127.0.0.1'] });
  return startApi({
    facade,
    listenHost: '127.0.0.1',
    port,
    socketPath: join(directory, 'daemon.sock'),
    tls: { ca: authority.certPem, cert: issued.certPem, key: issued.keyPem },
    logger: silentLogger,
    onShutdownRequested: (postgres) => shutdowns.push(postgres),
  });
}

beforeAll(async () => {
  directory = await mkdtemp(join(process.env.QUANTADB_TEST_DIR ?? tmpdir(), 'api-'));
  authority = await createAuthority({ name: 'test' });
  api = await open();
});

afterAll(async () => {
  await api.close();
  await rm(directory, { recursive: true, force: true });
});

interface Identity {
  ca: string;
  cert: string;
  key: string;
}

async function hostIdentity(host: string, by: Authority = authority): Promise<Identity> {
  const { certPem, keyPem } = await issueHostCertificate(by, { host, addresses: ['127.0.0.1'] });
  return { ca: authority.certPem, cert: certPem, key: keyPem };
}

async function operatorIdentity(): Promise<Identity> {
  const { certPem, keyPem } = await issueOperatorCertificate(authority, { name: 'ada' });
  return { ca: authority.certPem, cert: certPem, key: keyPem };
}

/** POST over mutual TLS; answers the status, or the error of the connection. */
function post(path: string, identity: Identity, body = '{}'): Promise<number | string> {
  return new Promise((resolve) => {
    const options = {
      host: '127.0.0.1',
      port: api.port,
      path,
      method: 'POST',
      agent: false,
      ...identity,
      headers: { 'content-type': 'application/json' },
    };
    const request = httpsRequest({ ...options, checkServerIdentity: () => undefined }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    request.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    request.end(body);
  });
}

const plain = (path: string, init: RequestInit = {}) => fetch(`http://127.0.0.1:${api.port}${path}`, init);
const changes = ['/api/operations/plan', '/api/operations', '/api/shutdown'];
const switchover: OperationRequest = { kind: 'switchover', to: null };

describe('who may do what', () => {
  test('plain HTTP reads and changes nothing', async () => {
    for (const path of ['/health', '/metrics', '/api/node', '/api/host', '/api/events']) {
      expect((await plain(path)).status).toBe(200);
    }
    for (const path of [...changes, '/peer/seal']) {
      const answer = await plain(path, { method: 'POST', body: '{}' });
      expect(answer.status).toBe(403);
    }
    expect((await plain('/api/node', { method: 'DELETE' })).status).toBe(405);
  });

  test('a peer may call as a peer, and change nothing', async () => {
    const peer = await hostIdentity('node-2');
    expect(await post('/peer/report', peer)).toBe(200);
    expect(asked.at(-1)).toBe('node-2: report');
    for (const path of changes) expect(await post(path, peer)).toBe(403);
  });

  test('an operator may change, and call nobody as a peer', async () => {
    const operator = await operatorIdentity();
    expect(await post('/api/operations/plan', operator, JSON.stringify(switchover))).toBe(409);
    expect(await post('/peer/report', operator)).toBe(403);
  });

  test('a certificate of another authority gets nowhere', async () => {
    const stranger = await hostIdentity('node-2', await createAuthority({ name: 'other' }));
    expect(typeof (await post('/peer/report', stranger))).toBe('string');
  });

  test('the local socket has all rights', async () => {
    const client = DaemonClient.overSocket(join(directory, 'daemon.sock'));
    await expect(client.plan(switchover)).rejects.toMatchObject({
      code: 'REFUSED',
      message: 'not now',
      hint: 'later',
    });
    expect(await client.host()).toMatchObject({ name: 'node-1' });
    await client.shutdown('leave');
    await expect.poll(() => shutdowns).toEqual(['leave']);
  });
});

describe('bad input', () => {
  test('a body that is no JSON, too large, or of the wrong shape', async () => {
    const operator = await operatorIdentity();
    expect(await post('/api/operations/plan', operator, '{')).toBe(400);
    expect(await post('/api/operations/plan', operator, '{"kind":"drop everything"}')).toBe(400);
    expect(await post('/api/operations/plan', operator, `"${'x'.repeat(1024 * 1024)}"`)).toBe(413);
  });

  test('an unknown path, and a lag that is none', async () => {
    expect((await plain('/nothing')).status).toBe(404);
    expect((await plain('/replica?lag=much')).status).toBe(400);
    expect((await plain('/api/events?since=x')).status).toBe(400);
  });

  test('a client that sends one byte at a time is still told apart and served', async () => {
    const answer = await new Promise<string>((resolve) => {
      const socket = connect({ host: '127.0.0.1', port: api.port });
      const bytes = [...'GET /liveness HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n'];
      const sendNext = () => {
        const byte = bytes.shift();
        if (byte !== undefined) socket.write(byte, () => setImmediate(sendNext));
      };
      let text = '';
      socket.on('connect', sendNext);
      socket.on('data', (piece: Buffer) => {
        text += piece.toString();
      });
      socket.on('close', () => resolve(text));
    });
    expect(answer).toMatch(/^HTTP\/1\.1 200/);
  });
});

test('a peer is called again after it was restarted, over a connection that has gone stale', async () => {
  const caller = new HttpsPeerCaller({ tls: await hostIdentity('node-2') });
  const peer = { name: 'node-1', host: '127.0.0.1', port: api.port };
  expect(await caller.call(peer, 'report', {}, 2000)).toEqual({ peer: 'node-2' });
  const { port } = api;
  await api.close();
  api = await open(port);
  expect(await caller.call(peer, 'report', {}, 2000)).toEqual({ peer: 'node-2' });
  await expect(caller.call({ ...peer, name: 'node-3' }, 'report', {}, 2000)).rejects.toMatchObject({
    code: 'PEER_UNREACHABLE',
  });
  await expect(caller.call({ ...peer, port: 1 }, 'report', {}, 2000)).rejects.toMatchObject({
    code: 'PEER_UNREACHABLE',
  });
  caller.close();
});
