import { randomUUID } from 'node:crypto';
import { io } from 'socket.io-client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { adminPassword, TestConsole, TestDatabase } from './testing/test-control-plane.ts';

let database: TestDatabase;
let instance: TestConsole;
let admin: string;
let adminToken: string;

beforeAll(async () => {
  database = await TestDatabase.start();
  instance = await TestConsole.start(database);
  const body = { name: 'Ada', email: 'admin@example.com', password: adminPassword };
  await instance.call('POST', '/api/v1/setup', { body });
  admin = await instance.signIn(body.email);
  const token = { name: 'ada', role: 'admin' };
  adminToken = (await instance.call('POST', '/api/v1/tokens', { as: admin, body: token })).body.token;
});

afterAll(async () => {
  await instance?.close();
  await database?.stop();
});

describe('errors', () => {
  test('I-API-1: every error of REST is a problem with a code, and leads to its explanation', async () => {
    const nobody = await instance.call('GET', '/api/v1/clusters');
    expect(nobody.headers.get('content-type')).toMatch('application/problem+json');
    expect(nobody.body).toMatchObject({ status: 401, code: 'UNAUTHORIZED', instance: '/api/v1/clusters' });
    expect(nobody.body.type).toBe(`${instance.url}/api-docs#UNAUTHORIZED`);
    const missing = await instance.call('GET', `/api/v1/clusters/${randomUUID()}`, { as: admin });
    expect(missing.body).toMatchObject({ status: 404, code: 'NOT_FOUND', detail: 'no such cluster' });
    const nowhere = await instance.call('GET', '/api/v1/nothing', { as: admin });
    expect(nowhere.body).toMatchObject({ status: 404, code: 'NOT_FOUND' });
    const wrong = await instance.call('POST', '/api/v1/tokens', { as: admin, body: { name: '' } });
    expect(wrong.body).toMatchObject({ status: 400, code: 'INPUT_INVALID' });
    expect(wrong.body.issues.map(({ path }: { path: string }) => path)).toEqual(['name', 'role']);
  });

  test('a body that is no JSON, and one that is too large, are the sender’s mistakes', async () => {
    const send = async (body: string) => {
      const headers = { 'content-type': 'application/json', origin: instance.url, cookie: admin };
      const answer = await fetch(`${instance.url}/api/v1/tokens`, { method: 'POST', headers, body });
      return { status: answer.status, body: await answer.json() };
    };
    expect(await send('{"name":')).toMatchObject({ status: 400, body: { code: 'INPUT_INVALID' } });
    const large = JSON.stringify({ name: 'x'.repeat(1024 * 1024) });
    expect(await send(large)).toMatchObject({ status: 413, body: { code: 'INPUT_INVALID' } });
  });
});

describe('whoever is not signed in', () => {
  const signIn = (body: string) => {
    const headers = { 'content-type': 'application/json', origin: instance.url };
    return fetch(`${instance.url}/api/auth/sign-in/email`, { method: 'POST', headers, body });
  };

  test('sends no body to the sign-in that is larger than one of it ever is', async () => {
    const large = JSON.stringify({ email: 'a@example.com', password: 'x'.repeat(512 * 1024) });
    expect((await signIn(large)).status).toBe(413);
  });

  test('gets no more by asking for many things in one request', async () => {
    const many = (count: number) => Array.from({ length: count }, () => 'setup.state').join(',');
    const input = (count: number) =>
      encodeURIComponent(
        JSON.stringify(Object.fromEntries(Array.from({ length: count }, (_, at) => [at, {}]))),
      );
    const ask = (at: TestConsole, count: number) =>
      at.call('GET', `/api/trpc/${many(count)}?batch=1&input=${input(count)}`);
    expect((await ask(instance, 21)).status).toBe(400);
    const slow = await TestConsole.start(database, { requestsPerMinute: 20, readsPerMinute: 20 });
    const statuses = [(await ask(slow, 20)).status, (await ask(slow, 1)).status];
    await slow.close();
    expect(statuses).toEqual([200, 429]);
  });
});

test('what fails within tells nobody what is within', async () => {
  // A table that is away, as after a migration that went wrong.
  await database.run('ALTER TABLE sign_in_policy RENAME TO elsewhere');
  const token = await instance.call('GET', '/api/trpc/people.policy?input={}', { as: adminToken });
  await database.run('ALTER TABLE elsewhere RENAME TO sign_in_policy');
  expect([token.status, token.body.error.message]).toEqual([
    500,
    'something failed; the log of the console says what',
  ]);
});

describe('requests that are sent again', () => {
  const make = (name: string, key: string, as = admin) => {
    const body = { name, role: 'viewer' };
    return instance.call('POST', '/api/v1/tokens', { as, body, headers: { 'idempotency-key': key } });
  };

  test('I-API-2: what is sent twice with one key happens once, and is answered twice', async () => {
    const key = randomUUID();
    const first = await make('once', key);
    const again = await make('once', key);
    expect(again.body).toEqual(first.body);
    expect([first, again].map(({ headers }) => headers.get('idempotent-replayed'))).toEqual([null, 'true']);
    const { body } = await instance.call('GET', '/api/v1/tokens', { as: admin });
    expect(body.filter(({ name }: { name: string }) => name === 'once')).toHaveLength(1);
    // What is kept of the answer tells nobody the token.
    const kept = await database.run('SELECT encode(answer, $1) AS answer FROM idempotency_key', ['escape']);
    expect(JSON.stringify(kept)).not.toContain(first.body.token);
  });

  test('of several at once one happens', async () => {
    const key = randomUUID();
    const answers = await Promise.all(Array.from({ length: 5 }, () => make('at once', key)));
    const { body } = await instance.call('GET', '/api/v1/tokens', { as: admin });
    expect(body.filter(({ name }: { name: string }) => name === 'at once')).toHaveLength(1);
    expect(answers.every(({ status }) => status === 200 || status === 409)).toBe(true);
  });

  test('a key belongs to its request and to its caller', async () => {
    const key = randomUUID();
    const first = await make('mine', key);
    expect((await make('another', key)).body).toMatchObject({ status: 409, code: 'REFUSED' });
    const other = (
      await instance.call('POST', '/api/v1/tokens', { as: admin, body: { name: 'o', role: 'admin' } })
    ).body;
    const theirs = await make('mine', key, other.token);
    expect(theirs.status).toBe(200);
    expect(theirs.body.id).not.toBe(first.body.id);
    expect((await make('short', 'short')).status).toBe(400);
  });
});

test('an answer that has not changed is not sent again', async () => {
  const first = await instance.call('GET', '/api/v1/hosts', { as: admin });
  const etag = first.headers.get('etag') ?? '';
  const again = await instance.call('GET', '/api/v1/hosts', {
    as: admin,
    headers: { 'if-none-match': etag },
  });
  expect([first.status, again.status, again.body]).toEqual([200, 304, null]);
});

test('who asks too often is told when to ask again, and holds up nobody else', async () => {
  const slow = await TestConsole.start(database, { requestsPerMinute: 10, readsPerMinute: 20 });
  const { body } = await instance.call('POST', '/api/v1/tokens', {
    as: admin,
    body: { name: 'busy', role: 'viewer' },
  });
  const statuses = [];
  for (let at = 0; at < 12; at += 1)
    statuses.push((await slow.call('GET', '/api/v1/me', { as: body.token })).status);
  expect(statuses.slice(0, 10)).toEqual(Array.from({ length: 10 }, () => 200));
  const refused = await slow.call('GET', '/api/v1/me', { as: body.token });
  expect(refused.body).toMatchObject({ status: 429, code: 'RATE_LIMITED' });
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
  expect((await slow.call('GET', '/api/trpc/people.me?input={}', { as: body.token })).status).toBe(429);
  // Changes are counted apart: this token may make none, and is told so for as often as it may ask.
  const change = async () => (await slow.call('POST', '/api/v1/tokens', { as: body.token, body: {} })).status;
  const changes = [];
  for (let at = 0; at < 6; at += 1) changes.push(await change());
  expect(changes).toEqual([403, 403, 403, 403, 403, 429]);
  const other = (
    await instance.call('POST', '/api/v1/tokens', { as: admin, body: { name: 'calm', role: 'viewer' } })
  ).body;
  expect((await slow.call('GET', '/api/v1/me', { as: other.token })).status).toBe(200);
  await slow.close();
});

describe('what browsers are told', () => {
  test('I-METRICS-1: metrics are for everybody until a token is set', async () => {
    const metricsToken = 'a-token-of-many-letters';
    const closed = await TestConsole.start(database, { metricsToken });
    const ask = (headers: Record<string, string>, of = closed) =>
      fetch(`${of.url}/metrics`, { headers }).then(({ status }) => status);
    expect([await ask({}, instance), await ask({})]).toEqual([200, 401]);
    expect(await ask({ authorization: `Bearer ${metricsToken}` })).toBe(200);
    await closed.close();
  });

  test('answers are data that no browser shows, sniffs or keeps', async () => {
    for (const path of [
      '/api/v1/me',
      '/api/v1/openapi.json',
      '/api/trpc/people.me',
      '/metrics',
      '/api/auth/get-session',
    ]) {
      const response = await fetch(`${instance.url}${path}`);
      const told = (name: string) => response.headers.get(name);
      expect([
        path,
        told('x-content-type-options'),
        told('x-frame-options'),
        told('referrer-policy'),
      ]).toEqual([...[path, 'nosniff', 'DENY', 'same-origin']]);
      expect(told('content-security-policy')).toMatch("default-src 'none'; frame-ancestors 'none'");
      // Only what is reached by https promises to stay so.
      expect(told('strict-transport-security')).toBeNull();
    }
  });

  test('I-API-3: no other site changes anything with the cookies of somebody who is signed in', async () => {
    const body = { name: 'forged', role: 'admin' };
    for (const headers of [{ origin: 'https://evil.example.com' }, { origin: 'null' }]) {
      const answer = await instance.call('POST', '/api/v1/tokens', { as: admin, body, headers });
      expect(answer.body).toMatchObject({ status: 403, code: 'FORBIDDEN' });
      const procedure = await instance.call('POST', '/api/trpc/tokens.create', { as: admin, body, headers });
      expect(procedure.status).toBe(403);
      const password = { currentPassword: adminPassword, newPassword: 'another long password' };
      const auth = await instance.call('POST', '/api/auth/change-password', {
        as: admin,
        body: password,
        headers,
      });
      expect(auth.status).toBe(403);
    }
    // A token is sent by nobody unknowingly.
    const { token } = (
      await instance.call('POST', '/api/v1/tokens', { as: admin, body: { name: 't', role: 'viewer' } })
    ).body;
    const headers = { origin: 'https://elsewhere.example.com' };
    expect((await instance.call('GET', '/api/v1/me', { as: token, headers })).status).toBe(200);
  });

  test('no other site watches the live stream', async () => {
    const attempt = (origin: string) =>
      new Promise<string>((resolve) => {
        const extraHeaders = { cookie: admin, origin };
        const socket = io(`${instance.url}/live`, {
          transports: ['websocket'],
          extraHeaders,
          reconnection: false,
        });
        const end = (outcome: string) => {
          socket.close();
          resolve(outcome);
        };
        socket.on('connect', () => end('connected'));
        socket.on('connect_error', () => end('refused'));
      });
    expect(await attempt('https://evil.example.com')).toBe('refused');
    expect(await attempt(instance.url)).toBe('connected');
  });

  test('whoever guesses passwords is held up', async () => {
    const guess = () =>
      instance.call('POST', '/api/auth/sign-in/email', {
        body: { email: 'admin@example.com', password: 'wrong' },
      });
    const statuses = [];
    for (let at = 0; at < 11; at += 1) statuses.push((await guess()).status);
    expect(statuses[0]).toBe(401);
    expect(statuses.at(-1)).toBe(429);
  });
});
