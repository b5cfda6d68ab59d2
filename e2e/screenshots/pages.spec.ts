import { expect, test } from '@playwright/test';
import { LocalSystem } from '../tests/local-system.ts';
import { OtherMachine } from '../tests/other-machine.ts';
import { type Known, knownIn, pathsOf, pathsWithoutCluster } from '../tests/routes.ts';
import { Album, nameOf } from './album.ts';
import { Application, hirePeople, liveThroughThings, Warnings } from './busy-day.ts';

/** Every page of a real system as it looks, in the states that people meet it in. */

const provider = {
  QUANTADB_OIDC_ISSUER: 'http://127.0.0.1:9',
  QUANTADB_OIDC_CLIENT_ID: 'quantadb',
  QUANTADB_OIDC_CLIENT_SECRET: 'a secret of the client',
  QUANTADB_OIDC_NAME: 'Example Corp',
};

let system: LocalSystem;
let application: Application;
let warnings: Warnings;
let known: Known;

test.beforeAll(async ({ browser }) => {
  test.setTimeout(600_000);
  system = await LocalSystem.start(provider);
  application = await Application.start(system);
  await liveThroughThings(system);
  known = await knownIn(system);
  await hirePeople(browser, system, known.id);
  warnings = await Warnings.raise(system, known.id);
  await application.blockSomebody(system);
});

test.afterAll(async () => {
  warnings?.end();
  await application?.end();
  await system?.stop();
});

const asAdmin = () => ({ url: system.url, person: system.admin });

test('whoever is not signed in', async ({ browser }) => {
  await Album.inEveryLook(browser, { url: system.url, person: null }, async (album) => {
    await album.picture('/login', 'login');
    await album.picture('/login?error=email_not_verified', 'login-refused');
    await album.page.getByLabel('E-mail').fill('kim@example.com');
    await album.page.getByLabel('Password').fill('a password for tests');
    await album.page.getByRole('button', { name: 'Sign in', exact: true }).click();
    await expect(album.page.getByLabel('Code')).toBeVisible();
    await album.asItStands('login-second-factor');
  });
});

test('every page on a busy day', async ({ browser }) => {
  await Album.inEveryLook(browser, asAdmin(), async (album) => {
    for (const path of pathsOf(known)) await album.picture(path, nameOf(path, { ...known }));
  });
});

test('what is asked before something is done', async ({ browser }) => {
  const cluster = `/c/${known.id}`;
  await Album.inEveryLook(browser, asAdmin(), async (album) => {
    const click = (name: string | RegExp) => album.page.getByRole('button', { name }).first().click();
    const menu = async (name: string, item: string) => {
      await click(name);
      await album.page.getByRole('menuitem', { name: item }).click();
    };
    const standby = (await system.nodes()).find(({ role }) => role === 'standby')?.name ?? '';
    await album.dialog(cluster, 'dialog-menu', () => click(`Actions for ${standby}`));
    await album.dialog(cluster, 'dialog-switchover', () =>
      menu(`Actions for ${standby}`, 'Make it the primary…'),
    );
    await album.dialog(cluster, 'dialog-add-node', () => menu('Add a spare host', 'spare-1'));
    await album.dialog(cluster, 'dialog-remove', () =>
      menu(`Actions for ${standby}`, 'Remove from the cluster…'),
    );
    await album.dialog('/hosts', 'dialog-enrol', () => click('Enrol a host'));
    await album.dialog('/hosts', 'dialog-found', () => click('Found a cluster…'));
    await album.dialog('/alerts?tab=channels', 'dialog-channel', () => click('New channel…'));
    await album.dialog('/people', 'dialog-person', () => click('Add somebody'));
    await album.dialog('/tokens', 'dialog-token', () => click('New token'));
    await album.dialog('/', 'dialog-palette', () => album.page.keyboard.press('Control+K'));
  });
});

test('a second factor is owed', async ({ browser }) => {
  await system.api('POST', '/sign-in-policy', { secondFactorFor: 'operators' });
  const grace = { email: 'grace@example.com', password: 'a password for tests' };
  await Album.inEveryLook(browser, { url: system.url, person: null }, async (album) => {
    await album.open('/login');
    await album.page.getByLabel('E-mail').fill(grace.email);
    await album.page.getByLabel('Password').fill(grace.password);
    await album.page.getByRole('button', { name: 'Sign in', exact: true }).click();
    await expect(album.page.getByRole('heading', { level: 1 })).toHaveText('Your account');
    await album.asItStands('account-owes', true);
  });
  await system.api('POST', '/sign-in-policy', { secondFactorFor: 'nobody' });
});

test('the console stands still, and so does what is shown', async ({ browser }) => {
  await Album.inEveryLook(browser, asAdmin(), async (album) => {
    await album.open(`/c/${known.id}`);
    await system.signalConsole('SIGSTOP');
    try {
      await album.page.waitForTimeout(13_000);
      await album.asItStands('stale-cluster', true);
    } finally {
      await system.signalConsole('SIGCONT');
    }
  });
});

test('two of three hosts stand still', async ({ browser }) => {
  const still = (await system.nodes()).filter(({ role }) => role !== 'primary').slice(0, 2);
  const daemons = still.flatMap(({ pids }) => (pids.daemon ? [pids.daemon] : []));
  for (const { name } of still) await system.signalServer(name, 'SIGSTOP');
  for (const pid of daemons) process.kill(pid, 'SIGSTOP');
  try {
    await Album.inEveryLook(browser, asAdmin(), async (album) => {
      await album.open('/alerts');
      await expect(album.page.getByRole('heading', { name: 'A node does not answer' }).first()).toBeVisible({
        timeout: 90_000,
      });
      for (const path of pathsOf(known)) {
        const isTouched = path === '/' || path === '/alerts' || path === '/hosts' || path.startsWith('/c/');
        if (isTouched) await album.picture(path, `still-${nameOf(path, { ...known })}`);
      }
    });
  } finally {
    for (const pid of daemons) process.kill(pid, 'SIGCONT');
    for (const { name } of still) await system.signalServer(name, 'SIGCONT');
  }
});

test('an installation that has just begun', async ({ browser }) => {
  const machine = await OtherMachine.prepare(system, { name: 'beginning' });
  try {
    await machine.startConsole();
    const { url } = machine;
    const setup = new URL(await machine.setupUrl());
    await Album.inEveryLook(browser, { url, person: null }, async (album) => {
      await album.picture(setup.pathname + setup.hash, 'setup');
    });
    const person = { name: 'Ada', email: 'ada@example.com', password: 'a password for tests' };
    const body = JSON.stringify({ ...person, token: setup.hash.slice(1) });
    const headers = { 'content-type': 'application/json', origin: url };
    expect((await fetch(`${url}/api/v1/setup`, { method: 'POST', headers, body })).status).toBe(200);
    await Album.inEveryLook(browser, { url, person }, async (album) => {
      for (const path of pathsWithoutCluster()) await album.picture(path, `empty-${nameOf(path, {})}`);
    });
  } finally {
    await machine.stop();
  }
});
