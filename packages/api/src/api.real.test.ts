import { createSign, randomUUID } from 'node:crypto';
import { fingerprintOf } from '@quantadb/engine/security/certificate';
import { createCertificateRequest } from '@quantadb/engine/security/pki';
import { silentLogger } from '@quantadb/engine/shared/logger';
import { createPrismaClient } from '@quantadb/prisma/client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { FiguresStore } from './history/figures.ts';
import { StatementStore } from './history/statements.ts';
import { createMetadataPools } from './metadata-pool.ts';
import { adminPassword, TestConsole, TestDatabase } from './testing/test-control-plane.ts';
import { TestHost } from './testing/test-host.ts';

let database: TestDatabase;
let instance: TestConsole;
let withoutToken: { status: number; body: { code: string } };
const people = { viewer: '', operator: '', admin: '' };

beforeAll(async () => {
  database = await TestDatabase.start();
  instance = await TestConsole.start(database);
  const admin = { name: 'Ada', email: 'admin@example.com', password: adminPassword };
  withoutToken = await instance.call('POST', '/api/v1/setup', { body: { ...admin, token: 'guessed' } });
  await instance.call('POST', '/api/v1/setup', { body: admin });
  people.admin = await instance.signIn(admin.email);
  for (const role of ['viewer', 'operator'] as const) {
    const body = { name: role, email: `${role}@example.com`, password: adminPassword, role };
    await instance.call('POST', '/api/v1/people', { as: people.admin, body });
    people[role] = await instance.signIn(body.email);
  }
});

afterAll(async () => {
  await instance?.close();
  await database?.stop();
});

describe('sign-in', () => {
  test('I-SETUP-1: the first administrator is made once, by whoever has the token; nobody signs up', async () => {
    expect(withoutToken).toMatchObject({ status: 403, body: { code: 'FORBIDDEN' } });
    const body = { name: 'Eve', email: 'eve@example.com', password: adminPassword };
    expect((await instance.call('POST', '/api/v1/setup', { body })).status).toBe(409);
    expect((await instance.call('POST', '/api/auth/sign-up/email', { body })).status).toBe(404);
    const state = { isSetUp: true, provider: null };
    expect((await instance.call('GET', '/api/v1/setup')).body).toEqual(state);
  });

  test('a session is an HttpOnly cookie, and ends when its person is removed', async () => {
    const body = { name: 'Gone', email: 'gone@example.com', password: adminPassword, role: 'viewer' };
    const made = await instance.call('POST', '/api/v1/people', { as: people.admin, body });
    const { headers } = await instance.call('POST', '/api/auth/sign-in/email', { body });
    expect(headers.getSetCookie()[0]).toMatch(/HttpOnly.*SameSite=Lax/);
    const cookie = await instance.signIn(body.email);
    expect((await instance.call('GET', '/api/v1/me', { as: cookie })).status).toBe(200);
    await instance.call('DELETE', `/api/v1/people/${made.body.id}`, { as: people.admin });
    expect((await instance.call('GET', '/api/v1/me', { as: cookie })).status).toBe(401);
  });

  test('the last administrator stays', async () => {
    const { body } = await instance.call('GET', '/api/v1/people', { as: people.admin });
    const admin = body.find((person: { role: string }) => person.role === 'admin');
    const demoted = await instance.call('POST', `/api/v1/people/${admin.id}/role`, {
      as: people.admin,
      body: { role: 'viewer' },
    });
    expect(demoted.status).toBe(409);
  });
});

describe('API tokens', () => {
  const make = (as: string, role: string) =>
    instance.call('POST', '/api/v1/tokens', { as, body: { name: `a ${role} token`, role } });

  test('do what their role permits, until they are revoked', async () => {
    const { body } = await make(people.operator, 'viewer');
    expect((await instance.call('GET', '/api/v1/clusters', { as: body.token })).status).toBe(200);
    expect((await instance.call('GET', '/api/v1/tokens', { as: body.token })).status).toBe(403);
    await instance.call('DELETE', `/api/v1/tokens/${body.id}`, { as: people.operator });
    expect((await instance.call('GET', '/api/v1/clusters', { as: body.token })).status).toBe(401);
  });

  test('cannot exceed who made them, and a wrong one is nobody', async () => {
    expect((await make(people.operator, 'admin')).status).toBe(409);
    const wrong = `qdb_api_${'x'.repeat(43)}`;
    expect((await instance.call('GET', '/api/v1/clusters', { as: wrong })).status).toBe(401);
  });

  test('an expired one is refused', async () => {
    const { body } = await make(people.admin, 'admin');
    await database.run("UPDATE api_token SET expires_at = now() - interval '1 s' WHERE id = $1", [body.id]);
    expect((await instance.call('GET', '/api/v1/clusters', { as: body.token })).status).toBe(401);
  });
});

describe('enrolment', () => {
  const addresses = {
    raft: { host: '127.0.0.1', port: 1 },
    api: { host: '127.0.0.1', port: 2 },
    postgres: { host: '127.0.0.1', port: 3 },
  };
  const newToken = async (host: string | null = null) =>
    (await instance.call('POST', '/api/v1/hosts/enrolment-tokens', { as: people.admin, body: { host } }))
      .body;
  const enrol = async (token: string, name: string, expectedAuthority?: string) => {
    const { requestPem } = await createCertificateRequest(name);
    const body = { token, name, kind: 'data', addresses, certificateRequest: requestPem, expectedAuthority };
    return instance.call('POST', '/api/v1/enrol', { body });
  };

  test('a token lets one host in, once, and the answer is of the authority that was announced', async () => {
    const { token, authorityFingerprint } = await newToken();
    const first = await enrol(token, 'host-a');
    expect(first.status).toBe(200);
    expect(fingerprintOf(first.body.authority)).toBe(authorityFingerprint);
    expect((await enrol(token, 'host-b')).status).toBe(401);
    const { body } = await instance.call('GET', '/api/v1/hosts', { as: people.viewer });
    expect(body.map((host: { name: string }) => host.name)).toEqual(['host-a']);
  });

  test('a token for one name is for that name, and a name is taken once', async () => {
    expect((await enrol((await newToken('host-c')).token, 'host-d')).status).toBe(401);
    expect((await enrol((await newToken()).token, 'host-a')).status).toBe(409);
  });

  test('of two hosts with the same token one gets in', async () => {
    const { token } = await newToken();
    const answers = await Promise.all([enrol(token, 'host-e'), enrol(token, 'host-f')]);
    expect(answers.map((answer) => answer.status).sort()).toEqual([200, 401]);
  });

  test('a host that was told of another authority is not let in, and its token stays good', async () => {
    const { token, authorityFingerprint } = await newToken();
    const slip = `${authorityFingerprint.startsWith('0') ? '1' : '0'}${authorityFingerprint.slice(1)}`;
    const refused = await enrol(token, 'host-h', slip);
    expect(refused).toMatchObject({ status: 409, body: { hint: expect.stringMatching(/still good/) } });
    const { body } = await instance.call('GET', '/api/v1/hosts', { as: people.viewer });
    expect(body.map((host: { name: string }) => host.name)).not.toContain('host-h');
    expect((await enrol(token, 'host-h', authorityFingerprint)).status).toBe(200);
  });

  test('a request that its own key did not sign is refused', async () => {
    const { token } = await newToken();
    const body = { token, name: 'host-g', kind: 'data', addresses, certificateRequest: 'nonsense' };
    expect((await instance.call('POST', '/api/v1/enrol', { body })).status).toBe(400);
  });
});

test('I-AUDIT-1: no name that somebody types breaks the chain, and no text that cannot be written down gets in', async () => {
  const half = '\ud800@example.org';
  await instance.call('POST', '/api/auth/sign-in/email', { body: { email: half, password: 'a password' } });
  const asked = { ...{ as: people.admin }, body: { name: 'a\u0000b', role: 'viewer' } };
  expect((await instance.call('POST', '/api/v1/tokens', asked)).status).toBe(400);
  const { body } = await instance.call('GET', '/api/v1/audit?limit=200', { as: people.viewer });
  const targets = body.map((entry: { action: string; target: string }) => `${entry.action} ${entry.target}`);
  expect(targets).toContain('sign-in \ufffd@example.org');
  const verdict = await instance.call('GET', '/api/v1/audit/verify', { as: people.admin });
  expect(verdict.body.broken ?? null).toBeNull();
});

test('a host that is removed is heard no more', async () => {
  const host = await TestHost.enrol(instance, people.admin, 'host-gone');
  await host.connect(instance);
  const removed = await instance.call('DELETE', '/api/v1/hosts/host-gone', { as: people.admin });
  expect(removed.status).toBe(200);
  await expect.poll(() => host.isConnected, { timeout: 5000 }).toBe(false);
  await expect(host.connect(instance)).rejects.toThrow(/not enrolled/);
  host.close();
});

test('a token that a token makes does not outlive it', async () => {
  const made = async (as: string, lifetimeDays: number | null) =>
    (
      await instance.call('POST', '/api/v1/tokens', {
        as,
        body: { name: 'n', role: 'operator', lifetimeDays },
      })
    ).body;
  const first = await made(people.admin, 7);
  const second = await made(first.token, null);
  const { body } = await instance.call('GET', '/api/v1/tokens', { as: people.admin });
  const endOf = (id: string) => body.find((token: { id: string }) => token.id === id)?.expiresAt;
  expect(endOf(first.id)).toEqual(expect.any(String));
  expect(endOf(second.id)).toBe(endOf(first.id));
});

test('what was changed, and what was refused, is in the audit log', async () => {
  const { body } = await instance.call('GET', '/api/v1/audit?limit=200', { as: people.viewer });
  const outcomes = new Set(
    body.map((entry: { action: string; outcome: string }) => `${entry.action}: ${entry.outcome}`),
  );
  for (const expected of [
    'create-first-admin: done',
    'create-token: done',
    'enrol-host: done',
    'enrol-host: refused',
    'tokens.list: refused',
  ]) {
    expect(outcomes).toContain(expected);
  }
});

test('I-AUDIT-1: a changed entry of the audit log is found, and so is one that is missing at its end', async () => {
  const verify = async (kept = '') =>
    (await instance.call('GET', `/api/v1/audit/verify${kept}`, { as: people.admin })).body;
  const before = await verify();
  expect(before).toMatchObject({ ok: true, brokenAt: null, sealedFrom: { id: '1' }, unsealed: null });
  expect(before.checked).toBeGreaterThan(5);
  await database.run("UPDATE audit_entry SET actor = 'somebody else' WHERE action = 'create-first-admin'");
  expect(await verify()).toMatchObject({ ok: false, checked: expect.any(Number) });
  await database.run("UPDATE audit_entry SET actor = '' WHERE action = 'create-first-admin'");
  const kept = `?kept=${before.lastHash}`;
  expect(await verify(kept)).toMatchObject({ ok: true, keptAt: { id: expect.any(String) } });
  const newest = 'id = (SELECT max(id) FROM audit_entry)';
  await database.run(`UPDATE audit_entry SET seal = NULL WHERE ${newest}`);
  expect(await verify()).toMatchObject({ ok: false, brokenAt: null, unsealed: { count: 1 } });
  await database.run(`DELETE FROM audit_entry WHERE ${newest}`);
  expect([await verify(), await verify(kept)]).toMatchObject([{ ok: true }, { ok: false, keptAt: null }]);
});

test('two consoles start at once on an empty database and share it', async () => {
  const second = await TestConsole.start(database);
  expect((await second.call('GET', '/api/v1/me', { as: people.viewer })).body).toMatchObject({
    role: 'viewer',
  });
  await second.close();
});

test('I-FIGURE-3: figures are kept as they came, and in five minutes for longer', async () => {
  const prisma = createPrismaClient(database.url);
  const pools = createMetadataPools(database.url, silentLogger);
  const store = new FiguresStore(prisma, pools, silentLogger);
  const clusterId = randomUUID();
  // Two stretches of five minutes, long enough ago to be finished, in one bucket of a week's picture.
  const bucketMs = 2_100_000;
  const beganMs = Math.floor((Date.now() - 3_600_000) / bucketMs) * bucketMs;
  for (let at = 0; at < 120; at += 1) {
    const figures = { active: at % 60, cpuShare: 0.5, fromTheFuture: 1 };
    store.add({ clusterId, node: 'node-1', atMs: beganMs + at * 5000, figures });
  }
  await store.flush();
  expect(store.dropped).toBe(0);
  const narrow = { fromMs: beganMs, toMs: beganMs + 600_000 };
  const raw = await store.read(clusterId, ['cpuShare', 'active', 'clients'], narrow);
  expect(raw).toHaveLength(120);
  expect(raw[7]).toMatchObject({ node: 'node-1', atMs: beganMs + 35_000, mean: [0.5, 7, null] });
  await store.tidy(Date.now());
  await store.tidy(Date.now());
  const wide = await store.read(clusterId, ['active'], { ...narrow, fromMs: beganMs - 7 * 86_400_000 });
  expect(wide).toEqual([{ node: 'node-1', atMs: expect.any(Number), mean: [29.5], low: [0], high: [59] }]);
  // Within the month they outlive what they were made of.
  expect(await store.tidy(Date.now() + 4 * 86_400_000)).toContain(dayTable(beganMs));
  expect(await store.read(clusterId, ['active'], narrow)).toEqual([]);
  expect(
    await store.read(clusterId, ['active'], { ...narrow, fromMs: beganMs - 7 * 86_400_000 }),
  ).toHaveLength(1);
  await store.close();
  await Promise.all([prisma.$disconnect(), pools.questions.end(), pools.bulk.end()]);
  const path = `/api/v1/clusters/${clusterId}/figures?from=${iso(beganMs)}&to=${iso(Date.now())}&names=`;
  expect((await instance.call('GET', `${path}active,nothing`, { as: people.viewer })).status).toBe(400);
  expect((await instance.call('GET', `${path}active,clients`, { as: people.viewer })).body).toEqual({
    ...{ names: ['active', 'clients'], buckets: [] },
  });
});

test('I-STATEMENT-2: statements add up over a range, in the order that is asked for, and are forgotten after a week', async () => {
  const prisma = createPrismaClient(database.url);
  const pools = createMetadataPools(database.url, silentLogger);
  const store = new StatementStore(prisma, pools, silentLogger);
  const clusterId = randomUUID();
  const beganMs = Math.floor((Date.now() - 3_600_000) / 60_000) * 60_000;
  const figures = (calls: number, totalMs: number) => ({
    ...{ calls, totalMs, rows: calls, blocksHit: 1, blocksRead: 0, tempBlocks: 0, walBytes: 9 },
  });
  const who = { user: 'app', database: 'shop' };
  for (let at = 0; at < 10; at += 1)
    store.add({
      ...{ clusterId, node: at % 2 === 0 ? 'node-1' : 'node-2', atMs: beganMs + at * 60_000, problem: null },
      rest: figures(1, 5),
      top: [
        { ...who, ...figures(100, 50), queryId: '-9223372036854775807', text: 'SELECT often' },
        { ...who, ...figures(1, 200), queryId: '7', text: null },
      ],
    });
  await store.flush();
  expect(store.dropped).toBe(0);
  const range = { clusterId, node: null, fromMs: beganMs, toMs: beganMs + 600_000 };
  const slow = await store.top(range, { order: 'totalMs', limit: 50 });
  expect(slow.statements).toEqual([
    { ...who, ...figures(10, 2000), queryId: '7', meanMs: 200, text: null, blocksHit: 10, walBytes: 90 },
    {
      ...{ ...who, ...figures(1000, 500), queryId: '-9223372036854775807', meanMs: 0.5 },
      ...{ text: 'SELECT often', blocksHit: 10, walBytes: 90 },
    },
  ]);
  expect(slow.all).toMatchObject({ calls: 1020, totalMs: 2550 });
  const often = await store.top({ ...range, node: 'node-1' }, { order: 'calls', limit: 1 });
  expect(often.statements).toMatchObject([{ calls: 500, text: 'SELECT often' }]);
  const { widthMs, buckets } = await store.history(range, { ...who, queryId: '7' });
  expect([widthMs, buckets.length, buckets[3]?.totalMs, buckets[3]?.atMs]).toEqual([
    ...[60_000, 10, 200, beganMs + 180_000],
  ]);
  const path = `/api/v1/clusters/${clusterId}/statements?from=${iso(range.fromMs)}&to=${iso(range.toMs)}`;
  const seen = async (as: string) => (await instance.call('GET', path, { as })).body;
  const { statements, sources } = await seen(people.operator);
  expect(statements[1].text).toBe('SELECT often');
  expect(sources).toMatchObject([
    { node: 'node-1', problem: null },
    { node: 'node-2', problem: null },
  ]);
  const { isTextHidden, statements: hidden } = await seen(people.viewer);
  expect([isTextHidden, hidden[1].text, hidden[1].calls]).toEqual([true, null, 1000]);
  await store.tidy(Date.now() + 9 * 86_400_000);
  expect((await store.top(range, { order: 'totalMs', limit: 50 })).statements).toEqual([]);
  await store.close();
  await Promise.all([prisma.$disconnect(), pools.questions.end(), pools.bulk.end()]);
});

function iso(atMs: number): string {
  return new Date(atMs).toISOString();
}

function dayTable(atMs: number): string {
  return `node_figures_${iso(atMs).slice(0, 10).replaceAll('-', '')}`;
}

test('the OpenAPI document lists what REST answers', async () => {
  const { body } = await instance.call('GET', '/api/v1/openapi.json');
  expect(body.openapi).toBe('3.1.0');
  expect(Object.keys(body.paths)).toContain('/clusters/{clusterId}/operations');
});

test('a signature over another nonce proves nothing', async () => {
  const { proveHost } = await import('./hosts/host-proof.ts');
  const { requestPem, keyPem } = await createCertificateRequest('host-z');
  const { token } = (
    await instance.call('POST', '/api/v1/hosts/enrolment-tokens', { as: people.admin, body: {} })
  ).body;
  const addresses = { raft: { host: 'a', port: 1 }, api: { host: 'a', port: 2 }, postgres: null };
  const body = { token, name: 'host-z', kind: 'data', addresses, certificateRequest: requestPem };
  const enrolled = (await instance.call('POST', '/api/v1/enrol', { body })).body;
  const sign = (nonce: string) =>
    createSign('sha256').update(`quantadb link ${nonce}`).sign(keyPem, 'base64');
  const hello = {
    version: 1 as const,
    release: 'test',
    certificate: enrolled.certificate,
    signature: sign('right'),
  };
  const expected = { nonce: 'right', authorityPem: enrolled.authority, nowMs: Date.now() };
  expect(proveHost(hello, expected).name).toBe('host-z');
  expect(() => proveHost({ ...hello, signature: sign('wrong') }, expected)).toThrow(/not signed/);
  expect(() => proveHost(hello, { ...expected, nowMs: Date.now() + 10 * 365 * 86_400_000 })).toThrow(
    /in force/,
  );
});
