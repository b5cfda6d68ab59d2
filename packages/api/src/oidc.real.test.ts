import { createServer } from 'node:http';
import { freePort } from '@quantadb/engine/testing/free-port';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { OidcConfig } from './people/oidc-config.ts';
import { Browser, IdentityProvider } from './testing/identity-provider.ts';
import { adminPassword, TestConsole, TestDatabase } from './testing/test-control-plane.ts';

let port = 0;
let url = '';
let database: TestDatabase;
let provider: IdentityProvider;
let instance: TestConsole;
let admin = '';

function settings(more: Partial<OidcConfig> = {}): OidcConfig {
  return {
    ...{ issuer: provider.issuer, ...provider.client, name: 'Example ID' },
    scopes: ['openid', 'profile', 'email', 'groups'],
    ...{ domains: ['example.com'], groupsClaim: 'groups', defaultRole: 'none' },
    roles: { dba: 'admin', oncall: 'operator' },
    ...{ linksByEmail: false, trustsEmail: false, ...more },
  };
}

beforeAll(async () => {
  database = await TestDatabase.start();
  port = await freePort();
  url = `http://127.0.0.1:${port}`;
  provider = await IdentityProvider.start(url);
  instance = await TestConsole.start(database, { oidc: settings() }, port);
});

afterAll(async () => {
  await instance?.close();
  await provider?.close();
  await database?.stop();
});

/** Presses the button of the sign-in page. @returns where it ends, and the session that there is then */
async function enter(subject: string, browser = new Browser()) {
  provider.subject = subject;
  const start = `${url}/api/auth/sign-in/social`;
  const answer = await fetch(start, {
    method: 'POST',
    headers: { 'content-type': 'application/json', origin: url },
    body: JSON.stringify({ provider: 'oidc', callbackURL: '/', errorCallbackURL: '/login' }),
  });
  browser.keep(start, answer);
  const { url: authorize } = (await answer.json()) as { url: string };
  const isPage = (at: string) => at.startsWith(`${url}/`) && !at.startsWith(`${url}/api/`);
  const end = await browser.follow(authorize, isPage);
  const session = browser.cookies(url);
  const me = await instance.call('GET', '/api/v1/me', { as: session });
  return { authorize, end: end.slice(url.length), session, me };
}

const says = (subject: string, claims: object) =>
  provider.people.set(subject, {
    email: `${subject}@example.com`,
    email_verified: true,
    name: subject,
    ...claims,
  });

describe('I-ROLE-5: sign-in through an identity provider', () => {
  test('makes nobody before there is an administrator', async () => {
    says('early', {});
    expect((await enter('early')).end).toMatch('/login?error=not_set_up');
    const body = { name: 'Ada', email: 'ada@example.com', password: adminPassword };
    await instance.call('POST', '/api/v1/setup', { body });
    admin = await instance.signIn(body.email);
    const state = await instance.call('GET', '/api/v1/setup');
    expect(state.body).toEqual({ isSetUp: true, provider: { name: 'Example ID' } });
  });

  test('gives the role of the groups, and takes it when the group is left', async () => {
    says('bob', { groups: ['oncall'] });
    const first = await enter('bob');
    const asked = new URL(first.authorize).searchParams;
    expect([asked.get('code_challenge_method'), asked.has('state'), asked.has('nonce')]).toEqual([
      ...['S256', true, true],
    ]);
    expect([first.end, first.me.body]).toMatchObject(['/', { name: 'bob@example.com', role: 'operator' }]);
    says('bob', { groups: [] });
    expect((await enter('bob')).me.body).toMatchObject({ role: 'none' });
    const told = await database.run(
      "SELECT action, after, reason FROM audit_entry WHERE target = 'bob@example.com' AND action <> 'sign-in' ORDER BY id",
    );
    const reason = 'groups of the identity provider';
    expect(told).toEqual([
      { action: 'create-person', after: { role: 'operator' }, reason },
      { action: 'set-role', after: { role: 'none' }, reason },
    ]);
    const stored = await database.run(
      "SELECT access_token, refresh_token FROM account WHERE provider_id = 'oidc'",
    );
    expect(stored).toEqual([{ access_token: null, refresh_token: null }]);
  });

  test('lets in nobody of another domain, and nobody whose address is not verified', async () => {
    says('eve', { email: 'eve@evil.com' });
    const foreign = await enter('eve');
    expect([foreign.end, foreign.me.status]).toMatchObject([
      expect.stringMatching('domain_not_allowed'),
      401,
    ]);
    says('mallory', { email_verified: false });
    const unproven = await enter('mallory');
    expect([unproven.end, unproven.me.status]).toMatchObject([
      expect.stringMatching('email_not_verified'),
      401,
    ]);
    const { body } = await instance.call('GET', '/api/v1/people', { as: admin });
    expect(body.map(({ email }: { email: string }) => email)).toEqual(['ada@example.com', 'bob@example.com']);
  });

  test('takes over no account that has the same address, unless that is wanted', async () => {
    says('ada', { groups: ['dba'] });
    const refused = await enter('ada');
    expect([refused.end, refused.me.status]).toMatchObject([
      expect.stringMatching('account_not_linked'),
      401,
    ]);
    await instance.close();
    instance = await TestConsole.start(database, { oidc: settings({ linksByEmail: true }) }, port);
    expect((await enter('ada')).me.body).toMatchObject({ name: 'ada@example.com', role: 'admin' });
    // The last administrator stays one, whatever the groups say.
    says('ada', { groups: [] });
    expect((await enter('ada')).me.body).toMatchObject({ role: 'admin' });
  });

  test('a callback that this browser did not ask for signs in nobody', async () => {
    provider.subject = 'bob';
    const { authorize } = await enter('bob');
    const stranger = new Browser();
    const end = await stranger.follow(authorize, (at) => at.startsWith(`${url}/login`));
    expect(end).toMatch('error=');
    expect((await instance.call('GET', '/api/v1/me', { as: stranger.cookies(url) })).status).toBe(401);
  });

  test('I-SESSION-1: after half a day the provider decides anew', async () => {
    const { session } = await enter('bob');
    const me = async () => (await instance.call('GET', '/api/v1/me', { as: session })).status;
    expect(await me()).toBe(200);
    await database.run("UPDATE session SET created_at = created_at - interval '12 hours'");
    expect(await me()).toBe(401);
  });

  test('signing out here leads to signing out there', async () => {
    const { session } = await enter('bob');
    const out = await instance.call('POST', '/api/auth/sign-out', {
      as: session,
      body: { disableRedirect: true },
    });
    const there = new URL(out.body.url);
    expect(there.origin).toBe(provider.issuer);
    expect(there.searchParams.get('post_logout_redirect_uri')).toBe(`${url}/login`);
    expect((await instance.call('GET', '/api/v1/me', { as: session })).status).toBe(401);
  });
});

test('a provider that does not answer keeps nobody from signing in with a password', async () => {
  // It takes connections and says nothing.
  const silent = createServer(() => undefined);
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
  const address = silent.address();
  const issuer = `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`;
  const other = await TestConsole.start(database, { oidc: settings({ issuer }) });
  try {
    const session = await other.signIn('ada@example.com');
    expect((await other.call('GET', '/api/v1/me', { as: session })).status).toBe(200);
  } finally {
    await other.close();
    silent.closeAllConnections();
    silent.close();
  }
});
