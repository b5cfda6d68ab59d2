import { clusterStateSchema } from '@quantadb/engine/contract/cluster-state';
import { nodeReportSchema, stateAnswerSchema } from '@quantadb/engine/contract/node-report';
import { clusterStatusSchema } from '@quantadb/engine/contract/status';
import { createAuthority } from '@quantadb/engine/security/pki';
import { QuantaError } from '@quantadb/engine/shared/errors';
import { demoState } from '@quantadb/engine/testing/demo-state';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import {
  ApiFixture,
  demoReport,
  demoStatus,
  FakeEngine,
  type Identity,
  type Reply,
} from './testing/api-fixture.ts';

/** Who may ask what, and what they are answered, over real sockets. */

let api: ApiFixture;
const callers: Record<string, Identity | 'local' | 'plain'> = { plain: 'plain', local: 'local' };

beforeAll(async () => {
  api = await ApiFixture.start();
  callers.operator = await api.operator('ada');
  callers.peer = await api.peer('node-2');
  callers.foreign = await api.peer('node-2', await createAuthority({ name: 'test' }));
});

afterAll(() => api.close());

beforeEach(() => {
  const { node, agreed, status, planned } = new FakeEngine();
  Object.assign(api.engine, { node, agreed, status, planned });
});

const send = (caller: string, call: Parameters<ApiFixture['send']>[1]) =>
  api.send(callers[caller] ?? 'plain', call);

const switchover = { kind: 'switchover', to: null };
const start = { request: switchover, planHash: 'h1', requestedBy: 'ada', reason: '' };

const reads = [
  '/health',
  '/primary',
  '/read-only',
  '/readiness',
  '/liveness',
  '/cluster',
  '/metrics',
  '/api/node',
  '/api/host',
  '/api/state',
  '/api/status',
  '/api/events?since=0',
  '/api/operations',
];

describe('every route, for every kind of caller (I-LOG-2)', () => {
  const everybody = { plain: 200, local: 200, operator: 200, peer: 200, foreign: 0 };
  const bodies: Record<string, unknown> = {
    '/api/operations/plan': switchover,
    '/api/operations': start,
    '/api/shutdown': { postgres: 'leave' },
    '/peer/report': {},
    '/peer/no-such-method': {},
    '/peer/SHUTDOWN': {},
    '/nothing': {},
  };
  test.each([
    ...['GET', 'HEAD', 'OPTIONS'].flatMap((method) => reads.map((path) => ({ method, path, ...everybody }))),
    ...['/replica', '/replica?lag=10MB', '/sync'].map((path) => {
      return { method: 'GET', path, plain: 503, local: 503, operator: 503, peer: 503, foreign: 0 };
    }),
    { method: 'GET', path: '/api/settings', plain: 403, local: 200, operator: 200, peer: 403, foreign: 0 },
    ...['', '&limit=0', '&limit=abc', '&atLeast=loud'].map((rest, at) => {
      const [path, answer] = [`/api/logs?source=daemon${rest}`, at === 0 ? 200 : 400];
      return { method: 'GET', path, plain: 403, local: answer, operator: answer, peer: 403, foreign: 0 };
    }),
    { method: 'GET', path: '/nothing', plain: 404, local: 404, operator: 404, peer: 404, foreign: 0 },
    {
      method: 'POST',
      path: '/api/operations/plan',
      plain: 403,
      local: 200,
      operator: 200,
      peer: 403,
      foreign: 0,
    },
    { method: 'POST', path: '/api/operations', plain: 403, local: 202, operator: 202, peer: 403, foreign: 0 },
    { method: 'POST', path: '/api/shutdown', plain: 403, local: 202, operator: 202, peer: 403, foreign: 0 },
    { method: 'POST', path: '/peer/report', plain: 403, local: 403, operator: 403, peer: 200, foreign: 0 },
    {
      method: 'POST',
      path: '/peer/no-such-method',
      plain: 403,
      local: 403,
      operator: 403,
      peer: 404,
      foreign: 0,
    },
    { method: 'POST', path: '/peer/SHUTDOWN', plain: 404, local: 404, operator: 404, peer: 404, foreign: 0 },
    { method: 'POST', path: '/nothing', plain: 404, local: 404, operator: 404, peer: 404, foreign: 0 },
    { method: 'PUT', path: '/api/operations', plain: 405, local: 405, operator: 405, peer: 405, foreign: 0 },
    { method: 'DELETE', path: '/api/node', plain: 405, local: 405, operator: 405, peer: 405, foreign: 0 },
  ])('$method $path', async ({ method, path, ...expected }) => {
    const body = method === 'POST' ? JSON.stringify(bodies[path]) : undefined;
    const seen: Record<string, number> = {};
    for (const caller of Object.keys(expected)) {
      const call = body === undefined ? { method, path } : { method, path, body };
      seen[caller] = (await send(caller, call)).status;
    }
    expect(seen).toEqual(expected);
  });

  test('what was asked for reaches the engine under the caller’s own name', () => {
    expect(new Set(api.engine.peerCalls)).toEqual(new Set(['node-2: report', 'node-2: no-such-method']));
    expect(api.engine.starts).toEqual([start, start]);
    expect(api.shutdowns).toEqual(['leave', 'leave']);
  });
});

describe('answers', () => {
  const json = async (path: string) => JSON.parse((await send('plain', { path })).text);

  test('have the shapes of the contract', async () => {
    expect(nodeReportSchema.parse(await json('/api/node'))).toEqual(demoReport());
    expect(stateAnswerSchema.parse(await json('/api/state'))).toEqual({
      node: 'node-1',
      state: clusterStateSchema.parse(demoState()),
    });
    expect(clusterStatusSchema.parse(await json('/api/status'))).toEqual(demoStatus());
    expect(await json('/cluster')).toMatchObject({ scope: 'demo', members: [{ role: 'leader' }] });
    const metrics = await send('plain', { path: '/metrics' });
    expect(metrics.headers['content-type']).toContain('text/plain');
    expect(metrics.text).toBe('quantadb_epoch 3\n');
  });

  test('access rules and parameters are not for everybody', async () => {
    const hba = ['hostssl app app 10.0.0.0/8 scram-sha-256'];
    api.engine.agreed = { ...demoState(), hba, parameters: { work_mem: '8MB' } } as never;
    const stateOf = async (caller: string) =>
      JSON.parse((await send(caller, { method: 'GET', path: '/api/state' })).text).state;
    expect(await stateOf('plain')).toMatchObject({ hba: [], parameters: {} });
    expect(await stateOf('local')).toMatchObject({ hba, parameters: { work_mem: '8MB' } });
  });

  test('nor are they where an operation or an event says what they were changed to', async () => {
    const step = {
      name: 'Check',
      state: 'failed',
      detail: 'not taken: s3cret',
      startedAtMs: 1,
      endedAtMs: 2,
    };
    const operation = {
      ...{ id: 'o', kind: 'set-parameters', state: 'failed', params: { 'vault.key': 's3cret' } },
      ...{ requestedBy: 'anna', reason: '', steps: [step], error: 's3cret', startedAtMs: 1, endedAtMs: 2 },
    };
    const access = { ...operation, id: 'a', kind: 'set-access', params: { add: '["host app s3cret"]' } };
    const event = (id: number, kind: string) => {
      return { id, atMs: 0, severity: 'info', kind, node: null, message: 'changed: s3cret' };
    };
    const events = [event(1, 'parameters'), event(2, 'access')];
    const past = { operation: access, pastOperations: [operation], events };
    api.engine.agreed = { ...demoState(), ...past } as never;
    for (const path of ['/api/state', '/api/operations', '/api/events']) {
      expect((await send('plain', { path })).text, path).not.toContain('s3cret');
      expect((await send('local', { path })).text, path).toContain('s3cret');
    }
  });

  test('events come after the one that is known', async () => {
    const event = { atMs: 0, severity: 'info', kind: 'x', node: null, message: 'm' };
    const events = [1, 2, 3].map((id) => ({ id, ...event }));
    api.engine.agreed = { ...demoState(), events } as never;
    expect(await json('/api/events?since=1')).toMatchObject([{ id: 2 }, { id: 3 }]);
    expect((await send('plain', { path: '/api/events?since=-1' })).status).toBe(400);
  });

  test('a HEAD has the status and no body', async () => {
    const reply = await send('plain', { method: 'HEAD', path: '/health' });
    expect([reply.status, reply.text]).toEqual([200, '']);
  });
});

describe('health', () => {
  const statusOf = async (path: string) => (await send('plain', { path })).status;

  function becomeStandby(lagBytes: number | null = 0): void {
    api.engine.node = demoReport({ name: 'node-2', role: 'standby', state: 'streaming' });
    api.engine.status = async () => demoStatus({ name: 'node-2', role: 'standby', lagBytes });
  }

  test('of a standby, without asking anybody for what it knows itself', async () => {
    becomeStandby();
    const asked = api.engine.statusCalls;
    const seen = await Promise.all(['/health', '/primary', '/replica', '/sync', '/readiness'].map(statusOf));
    expect(seen).toEqual([200, 503, 200, 200, 200]);
    expect(api.engine.statusCalls).toBe(asked);
  });

  test('of a standby whose lag is unknown, because the cluster does not answer', async () => {
    const fixture = await ApiFixture.start();
    fixture.engine.node = demoReport({ name: 'node-2', role: 'standby', state: 'streaming' });
    fixture.engine.status = () => new Promise(() => undefined);
    const replica = (query: string) => fixture.send('plain', { path: `/replica${query}` });
    const seen = await Promise.all([replica('?lag=1GB'), replica('?lag=1GB'), replica('')]);
    expect(seen.map(({ status }) => status)).toEqual([503, 503, 200]);
    expect(fixture.engine.statusCalls).toBe(1);
    expect((await fixture.send('plain', { path: '/cluster' })).status).toBe(504);
    await fixture.close();
  });

  test.each([
    ['1000', 1000, 200],
    ['1000', 1001, 503],
    ['1kB', 1024, 200],
    ['10MB', 10 * 1024 ** 2 + 1, 503],
    ['1GB', 1024 ** 3, 200],
    ['1GB', null, 503],
  ])('of a standby for lag=%s that is %s behind', async (limit, lagBytes, expected) => {
    const fixture = await ApiFixture.start();
    fixture.engine.node = demoReport({ name: 'node-2', role: 'standby', state: 'streaming' });
    fixture.engine.status = async () => demoStatus({ name: 'node-2', role: 'standby', lagBytes });
    const { status } = await fixture.send('plain', { path: `/replica?lag=${limit}` });
    await fixture.close();
    expect(status).toBe(expected);
  });

  test('a lag that is none is said to be none', async () => {
    becomeStandby();
    expect(await statusOf('/replica?lag=much')).toBe(400);
  });
});

describe('refusals', () => {
  const problemOf = ({ headers, text }: Reply) => {
    expect(headers['content-type']).toBe('application/problem+json');
    return JSON.parse(text) as Record<string, unknown>;
  };
  const plan = (body: string, type?: string) =>
    send('operator', { method: 'POST', path: '/api/operations/plan', body, ...(type ? { type } : {}) });

  test('carry the code, the reason and the next step', async () => {
    api.engine.planned = async () => {
      throw new QuantaError('NO_QUORUM', 'two of three voters are gone', { hint: 'bring one back' });
    };
    const reply = await plan(JSON.stringify(switchover));
    expect(reply.status).toBe(503);
    expect(problemOf(reply)).toEqual({
      type: 'about:blank',
      title: 'NO_QUORUM',
      status: 503,
      code: 'NO_QUORUM',
      detail: 'two of three voters are gone',
      hint: 'bring one back',
    });
  });

  test('an unexpected error tells nothing', async () => {
    api.engine.planned = async () => {
      throw new Error('password=hunter2');
    };
    const reply = await plan(JSON.stringify(switchover));
    expect([reply.status, problemOf(reply).code]).toEqual([500, null]);
    expect(reply.text).not.toContain('hunter2');
  });

  test.each([
    ['no JSON', '{', 400],
    ['nothing', '', 400],
    ['an unknown operation', '{"kind":"drop-everything"}', 400],
    ['a body a little too large', `"${'x'.repeat(1024 * 1024)}"`, 413],
    ['a body far too large', `"${'x'.repeat(20 * 1024 * 1024)}"`, 413],
  ])('%s', async (_, body, expected) => {
    for (const caller of ['operator', 'local']) {
      const reply = await send(caller, { method: 'POST', path: '/api/operations/plan', body });
      expect(reply.status).toBe(expected);
      expect(problemOf(reply).code).toBe('PROTOCOL_VIOLATION');
    }
  });

  test('a body of the largest size is read', async () => {
    const frame = JSON.stringify({ ...switchover, pad: '' }).length;
    const pad = 'x'.repeat(1024 * 1024 - frame);
    expect((await plan(JSON.stringify({ ...switchover, pad }))).status).toBe(200);
  });

  test('a body that a foreign page could make a browser send', async () => {
    expect((await plan(JSON.stringify(switchover), 'text/plain')).status).toBe(415);
    expect((await plan(JSON.stringify(switchover), 'application/json; charset=utf-8')).status).toBe(200);
  });

  test('a path that cannot be read', async () => {
    expect((await send('plain', { path: '//' })).status).toBe(400);
    expect((await send('plain', { path: '/../api/node' })).status).toBe(200);
  });
});
