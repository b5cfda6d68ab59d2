import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pollUntil } from '@quantadb/engine/shared/deadline';
import pg from 'pg';
import { io } from 'socket.io-client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseNetworks } from './http/client-address.ts';
import { backUpNow, restoreInto } from './metadata-restore.ts';
import { totpCode } from './people/totp.ts';
import { adminPassword, TestConsole, TestDatabase } from './testing/test-control-plane.ts';

let database: TestDatabase;
let instance: TestConsole;
let admin: string;
let addresses = 0;

beforeAll(async () => {
  database = await TestDatabase.start();
  instance = await TestConsole.start(database, { trustedProxies: parseNetworks('127.0.0.1') });
  const body = { name: 'Ada', email: 'ada@example.com', password: adminPassword };
  await instance.call('POST', '/api/v1/setup', { body });
  admin = await signIn(body.email);
});

afterAll(async () => {
  await instance?.close();
  await database?.stop();
});

/** From another address each time, so that nobody is held up. */
function signIn(email: string, password = adminPassword): Promise<string> {
  addresses += 1;
  return instance.signIn(email, password, { 'x-forwarded-for': `203.0.113.${addresses}` });
}

async function addPerson(name: string, role = 'viewer') {
  const email = `${name}@example.com`;
  const body = { name, email, password: adminPassword, role };
  const made = await instance.call('POST', '/api/v1/people', { as: admin, body });
  return { email, id: made.body.id as string, session: await signIn(email) };
}

/** What an authenticator app makes of the key that it was shown. */
function codeOf(key: string, offsetSeconds = 0): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
  const bits = [...key].map((digit) => alphabet.indexOf(digit).toString(2).padStart(5, '0')).join('');
  const bytes = (bits.match(/.{8}/g) ?? []).map((byte) => Number.parseInt(byte, 2));
  return totpCode(Buffer.from(bytes).toString(), Date.now() + offsetSeconds * 1000);
}

async function turnOn(session: string): Promise<{ key: string; backupCodes: string[] }> {
  const body = { password: adminPassword };
  const begun = await instance.call('POST', '/api/v1/account/second-factor', { as: session, body });
  const confirm = { as: session, body: { code: codeOf(begun.body.key) } };
  const confirmed = await instance.call('POST', '/api/v1/account/second-factor/confirm', confirm);
  expect([begun.status, confirmed.status]).toEqual([200, 200]);
  return begun.body;
}

async function proveWith(challenge: string, kind: 'totp' | 'backup-code', code: string) {
  const path = `/api/auth/two-factor/verify-${kind}`;
  addresses += 1;
  const headers = { 'x-forwarded-for': `203.0.113.${addresses}` };
  const answer = await instance.call('POST', path, { as: challenge, body: { code }, headers });
  const cookies = answer.headers.getSetCookie().map((cookie) => cookie.split(';')[0]);
  return { status: answer.status, session: cookies.join('; ') };
}

const statusAs = async (session: string, path = '/api/v1/clusters') =>
  (await instance.call('GET', path, { as: session })).status;

describe('I-ROLE-4: a second factor', () => {
  test('opens what the password alone does not, and its backup codes do so once', async () => {
    const bob = await addPerson('bob');
    const elsewhere = await signIn(bob.email);
    const wrong = { as: bob.session, body: { password: 'not the password' } };
    expect((await instance.call('POST', '/api/v1/account/second-factor', wrong)).status).toBe(409);
    const { key, backupCodes } = await turnOn(bob.session);
    // Who was signed in elsewhere has not shown it; this session has.
    expect([await statusAs(elsewhere), await statusAs(bob.session)]).toEqual([401, 200]);

    const challenge = await signIn(bob.email);
    expect(await statusAs(challenge)).toBe(401);
    expect((await proveWith(challenge, 'totp', '000000')).status).toBe(401);
    // One that was taken already opens nothing, in whatever form; the one of the next half minute does, once.
    const next = codeOf(key, 30);
    expect((await proveWith(challenge, 'totp', codeOf(key))).status).toBe(401);
    expect((await proveWith(challenge, 'totp', `${next} `)).status).toBe(400);
    const other = await signIn(bob.email);
    const proven = await proveWith(challenge, 'totp', next);
    expect([proven.status, await statusAs(proven.session)]).toEqual([200, 200]);
    expect((await proveWith(other, 'totp', next)).status).toBe(401);

    const [backupCode = ''] = backupCodes;
    const used = await proveWith(await signIn(bob.email), 'backup-code', backupCode);
    expect(await statusAs(used.session)).toBe(200);
    const again = await proveWith(await signIn(bob.email), 'backup-code', backupCode);
    expect(again.status).toBe(401);
    // What is stored tells nobody either of them.
    const stored = JSON.stringify(await database.run('SELECT secret, backup_codes FROM two_factor', []));
    expect(stored).not.toContain(backupCodes[1]);
  });

  test('comes off with the password and a code, or by an administrator with a reason', async () => {
    const eve = await addPerson('eve');
    const { key } = await turnOn(eve.session);
    const off = (body: object) =>
      instance.call('POST', '/api/v1/account/second-factor/off', { as: eve.session, body });
    expect((await off({ password: adminPassword, code: '000000' })).status).toBe(409);
    expect((await off({ password: 'wrong', code: codeOf(key) })).status).toBe(409);
    expect((await off({ password: adminPassword, code: codeOf(key, 30) })).status).toBe(200);
    expect(await statusAs(await signIn(eve.email))).toBe(200);

    await turnOn(eve.session);
    const reset = { as: admin, body: { reason: 'lost her telephone' } };
    const done = await instance.call('POST', `/api/v1/people/${eve.id}/reset-second-factor`, reset);
    expect([done.status, await statusAs(eve.session)]).toEqual([200, 401]);
    expect(await statusAs(await signIn(eve.email))).toBe(200);
    const { body } = await instance.call('GET', '/api/v1/audit?limit=200', { as: admin });
    const seen = body.map(
      ({ action, outcome }: { action: string; outcome: string }) => `${action} ${outcome}`,
    );
    for (const action of ['turn-on-second-factor done', 'take-off-second-factor refused']) {
      expect(seen).toContain(action);
    }
    expect(seen).toContain('reset-second-factor done');
  });

  test('is owed by whoever must have one, who may do nothing else until then', async () => {
    const kim = await addPerson('kim', 'operator');
    const policy = (secondFactorFor: string) =>
      instance.call('POST', '/api/v1/sign-in-policy', { as: admin, body: { secondFactorFor } });
    await policy('operators');
    try {
      const me = await instance.call('GET', '/api/v1/me', { as: kim.session });
      expect(me.body).toMatchObject({ role: 'none', owesSecondFactor: true });
      const refused = await instance.call('GET', '/api/v1/hosts', { as: kim.session });
      expect(refused.body).toMatchObject({ status: 403, detail: expect.stringMatching('second factor') });
      await turnOn(kim.session);
      expect(await statusAs(kim.session, '/api/v1/hosts')).toBe(200);
    } finally {
      await turnOn(admin);
      await policy('nobody');
    }
  });

  test('nobody guesses codes or passwords of somebody who left the screen open', async () => {
    const ann = await addPerson('ann');
    const body = { password: 'a guess', code: '123456' };
    const guess = () => instance.call('POST', '/api/v1/account/second-factor/off', { as: ann.session, body });
    const statuses = [];
    for (let at = 0; at < 7; at += 1) statuses.push((await guess()).status);
    expect([statuses[0], statuses.at(-1)]).toEqual([409, 429]);
  });
});

describe('one’s own account', () => {
  test('a new password ends every other session, and asks for the present one', async () => {
    const joe = await addPerson('joe');
    const elsewhere = await signIn(joe.email);
    const change = (present: string) =>
      instance.call('POST', '/api/v1/account/password', {
        as: joe.session,
        body: { present, next: 'a very different password' },
      });
    expect((await change('wrong')).status).toBe(409);
    expect((await change(adminPassword)).body).toEqual({ endedSessions: 1 });
    expect([await statusAs(elsewhere), await statusAs(joe.session)]).toEqual([401, 200]);
    expect(await statusAs(await signIn(joe.email, 'a very different password'))).toBe(200);
  });

  test('sessions are listed with this one marked, and end one by one or all at once', async () => {
    const liz = await addPerson('liz');
    const other = await signIn(liz.email);
    const third = await signIn(liz.email);
    const { body } = await instance.call('GET', '/api/v1/account/sessions', { as: other });
    expect(body).toHaveLength(3);
    expect(body.filter((each: { isThisOne: boolean }) => each.isThisOne)).toHaveLength(1);
    const mine = await instance.call('GET', '/api/v1/account/sessions', { as: liz.session });
    const { id } = mine.body.find((each: { isThisOne: boolean }) => each.isThisOne);
    // Nobody ends a session of somebody else.
    const foreign = await instance.call('DELETE', `/api/v1/account/sessions/${id}`, { as: admin });
    expect(foreign.status).toBe(404);
    await instance.call('DELETE', `/api/v1/account/sessions/${id}`, { as: other });
    expect([await statusAs(liz.session), await statusAs(other)]).toEqual([401, 200]);
    await instance.call('POST', '/api/v1/account/sessions/end-others', { as: other, body: {} });
    expect([await statusAs(third), await statusAs(other)]).toEqual([401, 200]);
  });

  test('I-SESSION-1: is prolonged by use, in the browser as well, not by being open, and ends after a week all the same', async () => {
    const { session, id } = await addPerson('tab');
    const endsAt = async () => {
      const { rows } = await database.ask('SELECT expires_at FROM session WHERE user_id = $1', [id]);
      return (rows[0]?.expires_at as Date | undefined)?.getTime() ?? null;
    };
    const passed = (words: string) =>
      database.run(
        `UPDATE session SET expires_at = expires_at - interval '${words}', updated_at = updated_at - interval '${words}'
         WHERE user_id = $1`,
        [id],
      );
    await passed('2 hours');
    const before = await endsAt();
    const { host } = new URL(instance.url);
    const live = io(`http://${host}/live`, { extraHeaders: { cookie: session }, transports: ['websocket'] });
    await new Promise((resolve, reject) => {
      live.once('connect', () => resolve(null));
      live.once('connect_error', reject);
    });
    live.close();
    expect(await endsAt(), 'a page that is open').toBe(before);
    const used = await instance.call('GET', '/api/v1/me', { as: session });
    expect(await endsAt(), 'a question').toBeGreaterThan(before ?? 0);
    expect(used.headers.getSetCookie().join()).toMatch(/session_token=.*Max-Age=43200/);
    await database.run("UPDATE session SET created_at = created_at - interval '7 days' WHERE user_id = $1", [
      id,
    ]);
    expect(await statusAs(session)).toBe(401);
    expect(await endsAt()).toBeNull();
  });

  test('has no door but these: what better-auth offers besides is shut', async () => {
    for (const path of [
      'update-user',
      'change-password',
      'two-factor/disable',
      'list-sessions',
      'sign-in/social',
    ])
      expect((await instance.call('POST', `/api/auth/${path}`, { as: admin, body: {} })).status).toBe(404);
  });

  test('a token has none', async () => {
    const body = { name: 'script', role: 'admin' };
    const { token } = (await instance.call('POST', '/api/v1/tokens', { as: admin, body })).body;
    expect(await statusAs(token, '/api/v1/account')).toBe(409);
  });
});

test('I-API-4: an address that a client only claims is not written down, and holds up nobody else', async () => {
  const { email } = await addPerson('tom');
  const guess = (claimed: number) => {
    const headers = { 'x-forwarded-for': `198.51.100.${claimed}, 192.0.2.66` };
    return instance.call('POST', '/api/auth/sign-in/email', { body: { email, password: 'wrong' }, headers });
  };
  const statuses = [];
  for (let at = 0; at < 11; at += 1) statuses.push((await guess(at)).status);
  expect([statuses[0], statuses.at(-1)]).toEqual([401, 429]);
  const rows = await database.run(
    "SELECT DISTINCT ip FROM audit_entry WHERE action = 'sign-in' AND target = $1 AND outcome = 'refused'",
    [email],
  );
  expect(rows).toEqual([{ ip: '192.0.2.66' }]);
  expect(await statusAs(await signIn(email))).toBe(200);
});

test('I-ROLE-6: many passwords of one account from many addresses hold up strangers, and not the browser of its person', async () => {
  const { email } = await addPerson('ida');
  const attempt = (password: string, cookie?: string, whose = email) => {
    addresses += 1;
    const headers = { 'x-forwarded-for': `203.0.113.${addresses}`, ...(cookie ? { cookie } : {}) };
    return instance.call('POST', '/api/auth/sign-in/email', { body: { email: whose, password }, headers });
  };
  const known = (await attempt(adminPassword)).headers.getSetCookie().find((each) => each.includes('known_'));
  const browser = known?.split(';')[0] ?? '';
  expect(known).toMatch(/HttpOnly; SameSite=Strict/);
  for (const whose of [email, 'nobody@example.com'])
    expect((await attempt('wrong', '', whose)).status).toBe(401);
  // As after twenty-nine more of each: their passwords take a while to compare.
  await database.run(
    "UPDATE sign_in_tries SET free_at = now() + interval '29.5 min' WHERE key LIKE 'account %'",
  );
  const refused = await attempt(adminPassword);
  expect([refused.status, refused.body.code]).toEqual([429, 'ACCOUNT_TRIES']);
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(10);
  expect((await attempt('wrong', '', 'nobody@example.com')).body.code).toBe('ACCOUNT_TRIES');
  expect((await attempt(adminPassword, `${browser}x`)).status).toBe(429);
  expect((await attempt(adminPassword, browser)).status).toBe(200);
  // Of another account it proves nothing, and of its own it does not do so for ever.
  for (let at = 0; at < 10; at += 1) expect((await attempt('wrong', browser)).status).toBe(401);
  expect((await attempt(adminPassword, browser)).status).toBe(429);
  const told = "SELECT target FROM audit_entry WHERE detail LIKE 'so many passwords%' ORDER BY id";
  expect(await database.run(told)).toEqual([{ target: email }, { target: 'nobody@example.com' }]);
  // Of whom there is no account nobody is woken.
  const untilFires = (wanted: string, subjects: string[]) => {
    const firing = async () => {
      const { body } = await instance.call('GET', '/api/v1/alerts', { as: admin });
      return body.flatMap(({ rule, subject }: Record<string, string>) => (rule === wanted ? subject : []));
    };
    return expect.poll(firing, { timeout: 15_000 }).toEqual(subjects);
  };
  await untilFires('passwords-guessed', [email]);
});

describe('I-SECRET-1: another secret for the installation', () => {
  const before = 'ab'.repeat(32);
  const secret = 'cd'.repeat(32);
  const trustedProxies = parseNetworks('127.0.0.1');
  const restart = async (secrets: { secret: string; previousSecret: string | null }) => {
    await instance.close();
    instance = await TestConsole.start(database, { ...secrets, trustedProxies });
  };

  test('opens everything that the one before has sealed, and the one before opens nothing any more', async () => {
    const sam = await addPerson('sam', 'admin');
    const { key } = await turnOn(sam.session);
    const config = { kind: 'webhook', url: 'https://chat.example.com/hooks/a-secret' };
    const channel = { name: 'chat', isOn: true, config };
    const made = await instance.call('POST', '/api/v1/alerts/channels', { as: sam.session, body: channel });
    expect(made.status).toBe(200);
    const { token } = (
      await instance.call('POST', '/api/v1/tokens', { as: sam.session, body: { name: 'ci', role: 'admin' } })
    ).body;
    const once = {
      as: token,
      body: { name: 'once', role: 'viewer' },
      headers: { 'idempotency-key': 'rotation-1' },
    };
    const first = await instance.call('POST', '/api/v1/tokens', once);

    await restart({ secret, previousSecret: before });
    expect((await instance.call('POST', '/api/v1/tokens', once)).body).toEqual(first.body);
    // Sessions are signed with it: everybody signs in anew.
    expect(await statusAs(sam.session)).toBe(401);
    const proven = await proveWith(await signIn(sam.email), 'totp', codeOf(key, 30));
    const { body } = await instance.call('GET', '/api/v1/audit?action=rotate-secret', { as: proven.session });
    const factors = await database.run('SELECT count(*)::int AS count FROM two_factor', []);
    const [{ count }] = factors as [{ count: number }];
    expect(body.map(({ after }: { after: unknown }) => after)).toEqual([
      { authorityKeys: 1, channels: 1, secondFactors: count },
    ]);
    // A second start with both finds nothing left to do; one without the old secret needs it no more.
    await restart({ secret, previousSecret: before });
    await restart({ secret, previousSecret: null });
    expect(await statusAs(proven.session)).toBe(200);
    await expect(TestConsole.start(database, { secret: before })).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
    });
  });

  test('that opens nothing changes nothing', async () => {
    const sealed = () => database.run('SELECT authority_key FROM installation', []);
    const was = await sealed();
    const neither = { secret: 'ee'.repeat(32), previousSecret: 'ff'.repeat(32) };
    await expect(TestConsole.start(database, neither)).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
    expect(await sealed()).toEqual(was);
  });
});

test('I-META-1: from a backup and the secret another machine goes on: people, hosts and the authority are as they were', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'metadata-'));
  const secret = 'cd'.repeat(32);
  const metadataBackup = { directory, everyHours: 24, keep: 2 };
  const saving = await TestConsole.start(database, { secret, metadataBackup });
  const dumps = async () => (await readdir(directory)).filter((name) => name.endsWith('.dump'));
  const made = await pollUntil(async () => (await dumps())[0], {
    what: 'a backup',
    timeoutMs: 60_000,
    intervalMs: 100,
  });
  await saving.close();
  // The next start finds it, and makes no other before its time.
  await (await TestConsole.start(database, { secret, metadataBackup })).close();
  expect(await dumps()).toEqual([made]);
  expect((await stat(join(directory, made))).mode & 0o077).toBe(0);

  await database.run('CREATE DATABASE elsewhere');
  const url = database.url.replace(/\/[^/?]*(?=$|\?)/, '/elsewhere');
  const copy = join(directory, made);
  const lost = { databaseUrl: url, secret: 'ee'.repeat(32) };
  // Whoever has another secret is told so, and has nothing to restore again: the file of settings is what is wrong.
  await expect(restoreInto(lost, copy)).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  await expect(restoreInto({ ...lost, secret }, copy)).rejects.toMatchObject({ code: 'REFUSED' });
  const other = await TestConsole.start(database, { secret, databaseUrl: url });
  try {
    const session = await other.signIn('joe@example.com', 'a very different password');
    expect((await other.call('GET', '/api/v1/me', { as: session })).body).toMatchObject({ role: 'viewer' });
    const authority = 'SELECT authority_cert FROM installation';
    const { rows } = await askAt(url, authority);
    expect(rows).toEqual(await database.run(authority));
    // By hand as on schedule: whole, under a name that tells its moment, and nobody else's to read.
    expect((await stat(await backUpNow(url, directory))).mode & 0o077).toBe(0);
  } finally {
    await other.close();
    await rm(directory, { recursive: true, force: true });
  }
});

async function askAt(connectionString: string, sql: string) {
  const client = new pg.Client({ connectionString });
  await client.connect();
  try {
    return await client.query(sql);
  } finally {
    await client.end();
  }
}
