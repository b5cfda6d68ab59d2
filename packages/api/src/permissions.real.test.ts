import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { io } from 'socket.io-client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { BriefStatus, LiveStatus } from './clusters/live-status.ts';
import type { Watch } from './live/live.ts';
import { adminPassword, TestConsole, TestDatabase } from './testing/test-control-plane.ts';
import { appRouter } from './trpc/router.ts';

const shop = randomUUID();
const bank = randomUUID();
const roles = ['viewer', 'operator', 'admin'] as const;
const rank = { nobody: 0, read: 1, operate: 2, administer: 3 };

let database: TestDatabase;
let instance: TestConsole;
let admin: string;
/** By the name of who calls: a session of every role, and a token. */
const callers: Record<string, { as?: string; power: number }> = { nobody: { power: 0 } };
/** Operator of the shop, and of nothing else; operator of everything, who may only look at the shop and not even that at the bank. */
const limited = { guest: '', guestToken: '', careful: '' };

async function addPerson(name: string, role: string, clusterRoles: object[] = []): Promise<string> {
  const email = `${name.toLowerCase()}@example.com`;
  const body = { name, email, password: adminPassword, role, clusterRoles };
  const { status } = await instance.call('POST', '/api/v1/people', { as: admin, body });
  expect(status).toBe(200);
  return instance.signIn(email);
}

async function addToken(as: string, role: string, clusterRoles: object[] = []) {
  return instance.call('POST', '/api/v1/tokens', { as, body: { name: `a ${role}`, role, clusterRoles } });
}

beforeAll(async () => {
  database = await TestDatabase.start();
  // Alerts are those that a test has written.
  instance = await TestConsole.start(database, { judgeAlertsEveryMs: 3_600_000 });
  const body = { name: 'Ada', email: 'first@example.com', password: adminPassword };
  await instance.call('POST', '/api/v1/setup', { body });
  admin = await instance.signIn(body.email);
  for (const [id, name] of [
    [shop, 'shop'],
    [bank, 'bank'],
  ]) {
    // As if a node of it had just reported.
    const sql = "INSERT INTO cluster (id, name, status, reported_at) VALUES ($1, $2, '{}', now())";
    await database.run(sql, [id, name]);
    const host = `INSERT INTO host (name, kind, addresses, cert_fingerprint, cert_expires_at, cluster_id)
      VALUES ($1, 'data', '{}', $1, now(), $2)`;
    await database.run(host, [`${name}-1`, id]);
  }
  for (const [at, role] of roles.entries()) {
    callers[role] = { as: await addPerson(role, role), power: at + 1 };
    callers[`a token of role ${role}`] = { as: (await addToken(admin, role)).body.token, power: at + 1 };
  }
  const onShop = [{ clusterId: shop, role: 'operator' }];
  limited.guest = await addPerson('Guest', 'none', onShop);
  limited.guestToken = (await addToken(limited.guest, 'none', onShop)).body.token;
  limited.careful = await addPerson('Careful', 'operator', [
    { clusterId: shop, role: 'viewer' },
    { clusterId: bank, role: 'none' },
  ]);
});

afterAll(async () => {
  await instance?.close();
  await database?.stop();
});

interface Definition {
  _def: {
    type: string;
    inputs: { shape?: object }[];
    meta?: { permission?: keyof typeof rank; scope?: string; openapi?: { path: string } };
  };
}
const definitions = appRouter._def.procedures as unknown as Record<string, Definition>;
const procedures = Object.entries(definitions).map(([path, { _def }]) => {
  const { permission, scope, openapi } = _def.meta ?? {};
  const namesCluster = _def.inputs.some((input) => 'clusterId' in (input.shape ?? {}));
  return { path, type: _def.type, permission, scope, namesCluster, rest: openapi?.path ?? '' };
});

/** An input that no schema takes: what is permitted fails at the input, what is not never gets there. */
async function knock(procedure: { path: string; type: string }, as: string | undefined, input: unknown) {
  const url = `/api/trpc/${procedure.path}`;
  const options = as === undefined ? {} : { as };
  const { status } =
    procedure.type === 'query'
      ? await instance.call('GET', `${url}?input=${encodeURIComponent(JSON.stringify(input))}`, options)
      : await instance.call('POST', url, { ...options, body: input });
  return status;
}

describe('I-ROLE-1: who may call what', () => {
  test('every procedure says who may call it, and what for', () => {
    expect(procedures.length).toBeGreaterThan(20);
    expect(
      procedures.filter(({ permission, scope }) => permission === undefined || scope === undefined),
    ).toEqual([]);
  });

  test('every procedure that names a cluster is judged by the role there, and by its REST path', () => {
    const named = procedures.filter(({ namesCluster }) => namesCluster);
    expect(named.length).toBeGreaterThan(10);
    const elsewhere = named.filter(({ scope, rest }) => scope !== 'cluster' || !rest.includes('{clusterId}'));
    expect(elsewhere.map(({ path }) => path)).toEqual([]);
    expect(procedures.filter(({ scope, namesCluster }) => scope === 'cluster' && !namesCluster)).toEqual([]);
  });

  test.each(procedures)('$path ($permission, $scope)', async (procedure) => {
    const { permission = 'administer', scope } = procedure;
    const needed = scope === 'self' ? 1 : rank[permission];
    for (const [caller, { as, power }] of Object.entries(callers)) {
      const status = await knock(procedure, as, 'not an object');
      const isAllowed = power >= needed;
      // An input that is not looked at is none that is wrong.
      expect([caller, status]).toEqual([caller, isAllowed ? 400 : caller === 'nobody' ? 401 : 403]);
    }
  });
});

describe('I-PROTECT-1: a protected cluster', () => {
  const path = `/api/v1/clusters/${shop}`;
  const protect = (as: string, body: object) => instance.call('POST', `${path}/protection`, { as, body });

  test('goes back to no moment in place until an administrator takes the protection off, with a reason', async () => {
    const reason = 'it counts';
    expect((await protect(limited.guest, { isProtected: true, reason })).status).toBe(403);
    expect((await protect(admin, { isProtected: true, reason })).body).toEqual({ isProtected: true });
    const intent = { kind: 'restore-in-place', target: { kind: 'latest' }, confirm: 'shop' };
    const ask = async () => {
      const body = { intent, planHash: 'none', reason: 'to try it' };
      const planned = await instance.call('POST', `${path}/operations/plan`, {
        as: limited.guest,
        body: { intent },
      });
      const started = await instance.call('POST', `${path}/operations`, { as: limited.guest, body });
      return [planned, started].map((answer) => answer.body.detail);
    };
    const refusal = expect.stringMatching('shop is protected');
    expect(await ask()).toEqual([refusal, refusal]);
    expect((await protect(limited.guest, { isProtected: false, reason })).status).toBe(403);
    expect((await protect(admin, { isProtected: false, reason: '' })).status).toBe(400);
    expect((await protect(admin, { isProtected: false, reason })).status).toBe(200);
    // No host of it is connected here: that is what is said now.
    expect(await ask()).not.toContainEqual(refusal);
  });
});

describe('I-ROLE-2: a role on a single cluster', () => {
  const ofClusters = procedures.filter(({ scope }) => scope === 'cluster');

  test.each(ofClusters)('$path ($permission)', async (procedure) => {
    const { permission = 'administer' } = procedure;
    // A further field is wrong everywhere, a cluster of a wrong type is not taken for one.
    const on = (clusterId: unknown) => ({
      clusterId,
      from: 1,
      to: 1,
      names: 1,
      intent: 1,
      failoverId: 1,
      host: 1,
      limit: 'x',
    });
    const isAllowed = (power: number) => power >= rank[permission];
    const expected = (power: number) =>
      isAllowed(power) ? expect.not.toSatisfy((s) => s === 401 || s === 403) : 403;
    for (const as of [limited.guest, limited.guestToken]) {
      expect(await knock(procedure, as, on(shop))).toEqual(expected(2));
      expect(await knock(procedure, as, on(bank))).toBe(403);
      expect(await knock(procedure, as, 'not an object')).toBe(403);
      expect(await knock(procedure, as, on([shop]))).toBe(403);
    }
    expect(await knock(procedure, limited.careful, on(shop))).toEqual(expected(1));
    expect(await knock(procedure, limited.careful, on(bank.toUpperCase()))).toBe(403);
    expect(await knock(procedure, limited.careful, on(randomUUID()))).toEqual(expected(2));
  });

  test('opens nothing of the whole installation, whatever the request names', async () => {
    for (const procedure of procedures.filter(({ scope }) => scope === 'installation')) {
      if (procedure.permission === 'nobody') continue;
      expect([procedure.path, await knock(procedure, limited.guest, { clusterId: shop })]).toEqual([
        procedure.path,
        403,
      ]);
    }
  });

  test('decides what lists hold', async () => {
    const names = async (as: string, path: string) =>
      (await instance.call('GET', path, { as })).body.map(({ name }: { name: string }) => name);
    await database.run("UPDATE cluster SET status = '{}'");
    expect(await names(limited.guest, '/api/v1/hosts')).toEqual(['shop-1']);
    expect(await names(limited.careful, '/api/v1/hosts')).toEqual(['shop-1']);
    expect(await names(admin, '/api/v1/hosts')).toEqual(['bank-1', 'shop-1']);
    const mine = (await instance.call('GET', '/api/v1/tokens', { as: limited.guest })).body;
    expect(mine.map(({ role }: { role: string }) => role)).toEqual(['none']);
    const operation = randomUUID();
    const sql = `INSERT INTO operation (id, cluster_id, kind, state, params, requested_by, reason, steps, started_at)
      VALUES ($1, $2, 'switchover', 'done', '{}', 'a', '', '[]', now())`;
    await database.run(sql, [operation, bank]);
    const path = `/api/v1/operations/${operation}`;
    const statuses = [limited.guest, limited.careful, admin].map((as) => instance.call('GET', path, { as }));
    expect((await Promise.all(statuses)).map(({ status }) => status)).toEqual([404, 404, 200]);
  });

  test('decides what of the audit log is seen', async () => {
    const clustersIn = async (as: string) => {
      const { body } = await instance.call('GET', '/api/v1/audit?limit=200', { as });
      return [
        ...new Set<string | null>(body.map(({ clusterId }: { clusterId: string | null }) => clusterId)),
      ];
    };
    expect(await clustersIn(limited.guest)).toEqual([shop]);
    const careful = await clustersIn(limited.careful);
    expect([careful.includes(shop), careful.includes(null), careful.includes(bank)]).toEqual([
      ...[true, true, false],
    ]);
    expect(await clustersIn(admin)).toContain(bank);
    const ofShop = await instance.call('GET', `/api/v1/clusters/${shop}/audit`, { as: limited.guest });
    expect(ofShop.body.every(({ clusterId }: { clusterId: string }) => clusterId === shop)).toBe(true);
  });

  test('hides no alert and no silence behind those of clusters that somebody may not read', async () => {
    const alerts = `INSERT INTO alert (id, rule, cluster_id, subject, state, severity, sentence, since_at, seen_at)
      SELECT gen_random_uuid(), 'test', $1, concat($2::text, $3::text, n), $2, $3, '', now() - $4::interval, now()
      FROM generate_series(1, $5::int) n`;
    await database.run(alerts, [bank, 'firing', 'warning', '1 day', 1001]);
    await database.run(alerts, [shop, 'pending', 'critical', '2 days', 1001]);
    await database.run(alerts, [shop, 'firing', 'info', '2 s', 1]);
    await database.run(alerts, [shop, 'firing', 'critical', '1 s', 1]);
    const silences = `INSERT INTO alert_silence (id, rule, cluster_id, reason, created_by, ends_at)
      SELECT gen_random_uuid(), 'test', $1, '', 'ada', now() + $2::interval FROM generate_series(1, $3::int) n`;
    await database.run(silences, [bank, '1 hour', 1001]);
    await database.run(silences, [shop, '2 hours', 1]);
    const list = async (as: string, path: string) => (await instance.call('GET', path, { as })).body;
    const worst = async (as: string) => {
      const shown: { state: string; severity: string }[] = await list(as, '/api/v1/alerts');
      const [one, two, three] = shown.map(({ state, severity }) => `${state} ${severity}`);
      return [shown.length, one, two, three];
    };
    const own = [1000, 'firing critical', 'firing info', 'pending critical'];
    expect([await worst(limited.guest), await worst(limited.careful)]).toEqual([own, own]);
    expect(await worst(admin)).toEqual([1000, 'firing critical', 'firing warning', 'firing warning']);
    for (const as of [limited.guest, limited.careful])
      expect(await list(as, '/api/v1/alerts/silences')).toMatchObject([{ clusterId: shop }]);
    for (const table of ['alert', 'alert_silence']) await database.run(`DELETE FROM ${table}`);
  });

  test('decides what the live stream tells, also when it changes', async () => {
    const watch = (cookie: string, what: Watch | null) => {
      const [heard, brief] = [new Set<string>(), new Set<string>()];
      const options = { transports: ['websocket'], extraHeaders: { cookie }, reconnection: false };
      const socket = io(`${instance.url}/live`, options);
      if (what) socket.on('connect', () => socket.emit('watch', what));
      socket.on('status', ({ name }: LiveStatus) => heard.add(name));
      socket.on('fleet', ({ clusters }: { clusters: BriefStatus[] }) => {
        for (const { name } of clusters) brief.add(name);
      });
      return { socket, heard, brief };
    };
    const people = [limited.guest, limited.careful, admin];
    const seen = [['shop'], ['shop'], ['bank', 'shop']];
    // Who does not say what he shows hears of everything in full.
    const all = people.map((cookie) => watch(cookie, null));
    await expect.poll(() => all.map(({ heard }) => [...heard].sort())).toEqual(seen);
    const some = people.map((cookie) => watch(cookie, { fleet: true, clusterIds: [bank] }));
    await expect.poll(() => some.map(({ brief }) => [...brief].sort())).toEqual(seen);
    await expect.poll(() => some.map(({ heard }) => [...heard])).toEqual([[], [], ['bank']]);
    for (const { socket } of [...all, ...some]) socket.close();
  });

  test('I-BOARD-2: a browser that says again and again what it shows, or while the metadata is away, costs nothing', async () => {
    const options = { transports: ['websocket'], extraHeaders: { cookie: admin }, reconnection: false };
    const socket = io(`${instance.url}/live`, options);
    let told = 0;
    socket.on('status', () => {
      told += 1;
    });
    await new Promise<void>((resolve) => socket.on('connect', resolve));
    // Every second one is something else.
    const say = () => {
      for (let at = 0; at < 1000; at += 1)
        socket.emit('watch', { fleet: at % 2 === 1, clusterIds: [bank, shop] });
    };
    const answered = () => socket.timeout(5000).emitWithAck('are-you-there');
    say();
    await answered();
    await delay(200);
    expect(told).toBeLessThan(50);
    await database.run('ALTER TABLE host RENAME TO elsewhere');
    // What was read a moment ago is not read again.
    await delay(300);
    say();
    await answered();
    await delay(300);
    await database.run('ALTER TABLE elsewhere RENAME TO host');
    const before = told;
    socket.emit('watch', { fleet: true, clusterIds: [] });
    socket.emit('watch', { fleet: false, clusterIds: [shop] });
    await expect.poll(() => told).toBeGreaterThan(before);
    socket.close();
  });

  test('ends what is open in somebody’s name at once when it is taken', async () => {
    const onShop = [{ clusterId: shop, role: 'viewer' }];
    const { token, id } = (await addToken(admin, 'none', onShop)).body;
    const extraHeaders = { authorization: `Bearer ${token}` };
    const socket = io(`${instance.url}/live`, {
      transports: ['websocket'],
      extraHeaders,
      reconnection: false,
    });
    const ended = new Promise((resolve) => socket.on('disconnect', resolve));
    await new Promise<void>((resolve) => socket.on('status', () => resolve()));
    expect((await instance.call('DELETE', `/api/v1/tokens/${id}`, { as: admin })).status).toBe(200);
    const late = delay(3000, 'late');
    expect(await Promise.race([ended, late])).not.toBe('late');
  });

  test('is given and taken by administrators, and stands in the audit log', async () => {
    const { body } = await instance.call('GET', '/api/v1/people', { as: admin });
    const { id } = body.find(({ email }: { email: string }) => email === 'guest@example.com');
    const change = { role: 'none', clusterRoles: [{ clusterId: bank, role: 'viewer' }] };
    const path = `/api/v1/people/${id}/role`;
    expect((await instance.call('POST', path, { as: limited.guest, body: change })).status).toBe(403);
    expect((await instance.call('POST', path, { as: admin, body: change })).status).toBe(200);
    const see = (clusterId: string) =>
      instance.call('GET', `/api/v1/clusters/${clusterId}/events`, { as: limited.guest });
    expect([(await see(shop)).status, (await see(bank)).status]).toEqual([403, 200]);
    const entry = (await instance.call('GET', '/api/v1/audit?action=set-role', { as: admin })).body[0];
    expect(entry).toMatchObject({
      before: { role: 'none', clusterRoles: [{ clusterId: shop, role: 'operator' }] },
      after: change,
    });
    const nowhere = { role: 'none', clusterRoles: [{ clusterId: randomUUID(), role: 'viewer' }] };
    expect((await instance.call('POST', path, { as: admin, body: nowhere })).status).toBe(404);
  });

  test('limits the tokens that somebody makes', async () => {
    const over = await addToken(limited.careful, 'operator');
    expect(over.body).toMatchObject({ status: 409, code: 'REFUSED' });
    const within = [
      { clusterId: shop, role: 'viewer' },
      { clusterId: bank, role: 'none' },
    ];
    expect((await addToken(limited.careful, 'operator', within)).status).toBe(200);
  });
});
