import { expect, type Page, test } from '@playwright/test';
import pg from 'pg';
import { expectAccessible, seriousViolations } from './accessibility.ts';
import { expectFired, prepareAlerts } from './alerts.ts';
import { foundSecondCluster } from './found-cluster.ts';
import { Keyboard } from './keyboard.ts';
import { LocalSystem } from './local-system.ts';
import { loseAndRestoreConsole } from './lost-control-plane.ts';
import { expectReplication } from './replication.ts';
import { useSecondFactor } from './second-factor.ts';
import { addAndTakeOffRepository } from './second-repository.ts';
import { expectReturnAfterRefusal, expectSilenceIsTold } from './silent-console.ts';

/** A person at the console of a real cluster. The tests follow each other on one system. */

test.describe.configure({ mode: 'serial', timeout: 180_000 });

let system: LocalSystem;
let page: Page;
let keyboard: Keyboard;

test.beforeAll(async ({ browser }) => {
  test.setTimeout(240_000);
  system = await LocalSystem.start();
  await prepareAlerts(system);
  const context = await browser.newContext({ viewport: { width: 1360, height: 900 } });
  page = await context.newPage();
  keyboard = new Keyboard(page);
});

test.afterAll(async () => {
  await page?.context().close();
  await system?.stop();
});

const card = (name: string) => page.getByRole('article', { name: new RegExp(`^${name},`) });
const menuOf = (name: string) => card(name).getByRole('button', { name: `Actions for ${name}` });
const openMenu = (name: string) => menuOf(name).click();

async function confirm(button: string, reason?: string): Promise<void> {
  const dialog = page.getByRole('dialog');
  if (reason) await dialog.getByLabel(/^Reason/).fill(reason);
  await dialog.getByRole('button', { name: button }).click();
  await expect(dialog).toBeHidden({ timeout: 20_000 });
}

test('signs in; a wrong password is refused', async () => {
  await page.goto(system.url);
  await expect(page).toHaveURL(/\/login$/);
  await page.getByLabel('E-mail').fill(system.admin.email);
  await page.getByLabel('Password').fill('not the password');
  await page.getByRole('button', { name: 'Sign in' }).click();
  await expect(page.getByText('do not match')).toBeVisible();
  await page.getByLabel('Password').fill(system.admin.password);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('heading', { name: 'demo' }).click();
  await expect(page.getByText('Healthy. Can lose 1 more node')).toBeVisible({ timeout: 30_000 });
});

test('a standby that stands still shows growing lag in bytes and in time, and recovers', async () => {
  const standby = (await system.nodes()).find((node) => node.role === 'standby')?.name ?? '';
  const legends = page.locator('figcaption').filter({ hasText: standby });
  await expect(legends.first()).toContainText('0 B', { timeout: 20_000 });
  await system.sql('CREATE TABLE IF NOT EXISTS load (n int, filler text)');
  await system.signalServer(standby, 'SIGSTOP');
  try {
    await system.sql("INSERT INTO load SELECT n, repeat('x', 500) FROM generate_series(1, 20000) n");
    await expect(legends.first()).toContainText(/[1-9][\d.]* MB/, { timeout: 15_000 });
    await expect(legends.last()).toContainText(/[2-9]\.\d s/, { timeout: 15_000 });
  } finally {
    await system.signalServer(standby, 'SIGCONT');
  }
  await expect(legends.first()).toContainText('0 B', { timeout: 60_000 });
});

test('shows who streams from whom, how far behind each is, and what is kept for whom', async () => {
  await expectReplication(page, system);
  await page.goBack();
});

test('an address with the name of a cluster leads to the same page of it; one of no cluster says so', async () => {
  await page.goto(`${system.url}/c/no-such-cluster/replication`);
  await expect(page.getByText('There is no cluster no-such-cluster')).toBeVisible();
  await page.goto(`${system.url}/c/demo/replication`);
  await expect(page).toHaveURL(/\/c\/[0-9a-f]{8}-[-0-9a-f]{27}\/replication$/);
  await page.goto(`${system.url}/c/demo`);
  await expect(page).toHaveURL(/\/c\/[0-9a-f]{8}-[-0-9a-f]{27}$/);
});

test('a console that does not answer is told of within ten seconds; one that refuses a page is asked again', async () => {
  await expectSilenceIsTold(page, system);
  await expectReturnAfterRefusal(page, system);
});

test('adds the spare host with the keyboard alone', async () => {
  const add = page.getByRole('button', { name: 'Add a spare host' });
  await keyboard.choose(add, 'spare-1');
  await expect(page.getByText('clone the primary')).toBeVisible({ timeout: 20_000 });
  await keyboard.confirm('Add spare-1', { from: add });
  // The console dies in the middle of it, and comes back by itself; the cluster goes on meanwhile.
  await system.killConsole();
  await expect(page.getByText('Connection lost')).toBeVisible();
  await expect(card('spare-1')).toContainText('standby · streaming', { timeout: 90_000 });
  // The operation goes on for a moment, and a cluster runs one at a time.
  await expect(page.getByText('Last operation:')).toBeVisible({ timeout: 60_000 });
});

test('the operation in which the console was killed is known as it was, once', async () => {
  const cluster = new URL(page.url()).pathname.split('/')[2];
  const ofCluster = (what: string) => system.api('GET', `/clusters/${cluster}/${what}`);
  const operations = (await ofCluster('operations')) as { kind: string; state: string; id: string }[];
  const added = operations.filter(({ kind }) => kind === 'add-node');
  expect(added.filter(({ state }) => state !== 'done')).toEqual([]);
  expect(added).toHaveLength((await system.nodes()).length - 1);
  const ids = ((await ofCluster('events?limit=200')) as { id: number }[])
    .map(({ id }) => id)
    .toSorted((a, b) => a - b);
  expect(ids).toEqual(ids.map((_, index) => (ids[0] ?? 0) + index));
});

test('puts a node in maintenance and ends it', async () => {
  await openMenu('spare-1');
  await page.getByRole('menuitem', { name: 'Maintenance…' }).click();
  await expect(page.getByText('it is never made primary')).toBeVisible({ timeout: 20_000 });
  await confirm('Put spare-1 in maintenance', 'a new disk');
  await expect(card('spare-1')).toContainText('maintenance', { timeout: 20_000 });
  await openMenu('spare-1');
  await page.getByRole('menuitem', { name: 'End maintenance…' }).click();
  await expect(page.getByText('it takes reads and may become primary again')).toBeVisible({
    timeout: 20_000,
  });
  await confirm('End maintenance of spare-1');
  await expect(card('spare-1')).not.toContainText('maintenance', { timeout: 20_000 });
});

test('restarts PostgreSQL of a standby by click', async () => {
  const before = (await system.node('spare-1')).pids.postgres;
  await openMenu('spare-1');
  await page.getByRole('menuitem', { name: 'Restart PostgreSQL…' }).click();
  await expect(page.getByText('its sessions end, then it streams again')).toBeVisible({ timeout: 20_000 });
  await confirm('Restart PostgreSQL on spare-1', 'to try it');
  const pid = async () => (await system.node('spare-1')).pids.postgres;
  await expect.poll(pid, { timeout: 30_000 }).not.toBe(before);
  await expect(card('spare-1')).toContainText('standby · streaming', { timeout: 60_000 });
  await expect(page.getByText('Last operation:')).toBeVisible({ timeout: 60_000 });
});

test('schedules a restart for later, shows it, and takes it back', async () => {
  await openMenu('spare-1');
  await page.getByRole('menuitem', { name: 'Restart PostgreSQL…' }).click();
  const later = new Date(Date.now() + 3_600_000);
  const local = new Date(later.getTime() - later.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
  await page.getByRole('dialog').getByLabel('Begins at').fill(local);
  await expect(page.getByText('or within 30 minutes of it: Restart PostgreSQL')).toBeVisible({
    timeout: 20_000,
  });
  await confirm('Schedule: Restart PostgreSQL on spare-1', 'while nobody works');
  const panel = page.locator('section', { has: page.getByRole('heading', { name: 'Scheduled' }) });
  await expect(panel.getByText('Restart PostgreSQL on spare-1')).toBeVisible({ timeout: 20_000 });
  await expect(panel.getByText('while nobody works')).toBeVisible();
  await panel.getByRole('button', { name: 'Take back…' }).click();
  await expect(page.getByText('Take back a restart of spare-1')).toBeVisible({ timeout: 20_000 });
  await confirm('Take back what is scheduled');
  await expect(panel).toBeHidden({ timeout: 20_000 });
});

test('changes a setting of every router by click, and takes it back', async () => {
  await page.getByRole('link', { name: 'Routers', exact: true }).click();
  await expect(page.getByRole('heading', { level: 1, name: 'Routers' })).toBeVisible();
  const routers = page.getByRole('region', { name: 'Routers of the cluster' });
  await expect(routers.getByText('open', { exact: true })).toHaveCount(3, { timeout: 20_000 });
  await page.getByRole('button', { name: 'Change poolSize' }).click();
  await page.getByRole('textbox', { name: 'poolSize' }).fill('7');
  await page.getByRole('button', { name: 'Plan the change' }).click();
  await confirm('Change the routers', 'fewer connections');
  const takeBack = page.getByRole('button', { name: 'Take back poolSize' });
  await expect(takeBack).toBeVisible({ timeout: 20_000 });
  const told = await system.command(['router']);
  expect(told.match(/poolSize=7/g)).toHaveLength(3);
  await takeBack.click();
  await confirm('Change the routers', 'as it was');
  await expect(takeBack).toBeHidden({ timeout: 20_000 });
  await page.goBack();
});

test('shows who waits for whom, and ends the session that is in the way', async () => {
  const primary = await system.primary();
  const open = async () => {
    const client = new pg.Client({ connectionString: primary.postgres });
    client.on('error', () => undefined);
    await client.connect();
    return client;
  };
  const [holder, waiter] = [await open(), await open()];
  try {
    await holder.query('CREATE TABLE IF NOT EXISTS tangled (n int)');
    await holder.query('BEGIN; LOCK TABLE tangled');
    const waits = waiter.query('SELECT count(*) FROM tangled');
    await page.getByRole('link', { name: 'Sessions', exact: true }).click();
    const tree = page.getByRole('list', { name: `Who waits for whom on ${primary.name}` });
    const [first, second] = [tree.getByRole('listitem').first(), tree.getByRole('listitem').last()];
    await expect(first).toContainText('1 waits', { timeout: 20_000 });
    await expect(second).toContainText('SELECT count(*) FROM tangled');
    await first.getByRole('button', { name: /^Actions for session/ }).click();
    await page.getByRole('menuitem', { name: 'Terminate the session…' }).click();
    await confirm('Terminate it', 'it was forgotten');
    await expect(tree).toBeHidden({ timeout: 20_000 });
    expect((await waits).rowCount).toBe(1);
  } finally {
    await Promise.allSettled([holder.end(), waiter.end()]);
  }
  await page.goBack();
});

async function choose(name: string, value: string): Promise<void> {
  await page.getByLabel('Search').fill(name);
  await page.getByRole('button', { name: `Change ${name}`, exact: true }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('New value').fill(value);
  await dialog.getByRole('button', { name: 'Choose this value' }).click();
  await expect(dialog).toBeHidden();
}

test('changes parameters by click, shows what waits for a restart, and takes one back', async () => {
  await page.getByRole('link', { name: 'Parameters', exact: true }).click();
  await expect(page.getByRole('heading', { name: 'Parameters', level: 1 })).toBeVisible();
  await page.getByLabel('Search').fill('fsync');
  await expect(page.getByText('Another value could lose or damage data.').first()).toBeVisible({
    timeout: 20_000,
  });
  await expect(page.getByRole('button', { name: 'Change fsync' })).toBeHidden();
  const nodes = (await system.nodes()).map(({ name }) => name);
  const settings = (name: string) => Promise.all(nodes.map((node) => system.setting(node, name)));
  const [before = ''] = await settings('max_connections');
  await choose('work_mem', '7MB');
  await choose('max_connections', String(Number(before) + 7));
  await expect(page.getByText(/^max_connections: takes effect with a restart/)).toBeVisible();
  await page.getByRole('button', { name: 'Review 2 changes…' }).click();
  await confirm('Change parameters', 'to try it');
  await expect.poll(() => settings('work_mem'), { timeout: 30_000 }).toEqual(nodes.map(() => '7MB'));
  await expect(page.getByText('a restart is pending for max_connections')).toHaveCount(nodes.length, {
    timeout: 30_000,
  });
  expect(await settings('max_connections')).toEqual(nodes.map(() => before));
  await expect(page.getByRole('button', { name: 'Restart every node…' })).toBeVisible();
  await expect(page.getByText('Last operation:')).toBeVisible({ timeout: 60_000 });
  for (const name of ['max_connections', 'work_mem'])
    await page.getByRole('button', { name: `Back to the default: ${name}` }).click();
  await page.getByRole('button', { name: 'Review 2 changes…' }).click();
  await confirm('Change parameters', 'back again');
  await expect.poll(() => settings('work_mem'), { timeout: 30_000 }).not.toContain('7MB');
  await expect(page.getByText('nothing waits for a restart')).toHaveCount(nodes.length, { timeout: 30_000 });
  await page.goBack();
});

const passphrase = 'kept somewhere else too';

test('sets up backups by click, makes one and sees it arrive', async () => {
  await page.getByRole('link', { name: 'Backups', exact: true }).click();
  await page.getByRole('link', { name: 'Set up backups' }).click();
  await page.getByLabel('Directory').fill(await system.directoryForPostgres('backups'));
  await page.getByLabel('Passphrase', { exact: true }).fill(passphrase);
  await page.getByLabel('Passphrase again').fill(passphrase);
  await expect(page.getByText('every Sunday at 01:30, by the clocks of')).toBeVisible();
  await page.getByRole('button', { name: 'Test from every node' }).click();
  await expect(page.getByText(/^node-\d: writes, reads and deletes$/)).toHaveCount(3, { timeout: 30_000 });
  await page.getByRole('button', { name: 'Review the set-up…' }).click();
  await expect(page.getByText('Back up to the directory')).toBeVisible({ timeout: 20_000 });
  await confirm('Change the backup settings');
  await page.getByRole('link', { name: 'Backups', exact: true }).click();
  const begin = page.getByRole('button', { name: 'Back up now' });
  await expect(begin).toBeVisible({ timeout: 60_000 });
  await expect(page.getByText('Last operation:')).toBeVisible({ timeout: 60_000 });
  await begin.click();
  await page.getByRole('menuitem', { name: 'Full backup…' }).click();
  await confirm('Make a full backup');
  const stored = page.getByRole('region', { name: 'Backups' });
  await expect(stored.getByText('restorable')).toBeVisible({ timeout: 90_000 });
  await stored.getByRole('button', { name: /^\d{8}-\d{6}F$/ }).click();
  await expect(page.getByRole('dialog').getByText('nothing: it is whole')).toBeVisible();
  await page.getByRole('dialog').getByRole('button', { name: 'Close' }).click();
  expect(await page.content()).not.toContain(passphrase);
});

test('keeps WAL in a second place that is added by click, and gives it up', () =>
  addAndTakeOffRepository(page, { directory: () => system.directoryForPostgres('far'), confirm }));

test('goes back to a moment before rows were deleted, for a look, with the keyboard alone', async () => {
  await system.sql("CREATE TABLE kept (what text); INSERT INTO kept VALUES ('before')");
  // A backup that has just ended counts from the next second on.
  await page.waitForTimeout(1500);
  const moment = new Date().toISOString().slice(0, 23).replace('T', ' ');
  await page.waitForTimeout(100);
  await system.sql("DELETE FROM kept; INSERT INTO kept VALUES ('after')");
  await system.command(['backup', 'point', 'after', '--yes']);
  await keyboard.press(page.getByRole('link', { name: 'Restore…' }));
  await expect(page.getByRole('slider', { name: 'Moment to restore to' })).toBeVisible({ timeout: 30_000 });
  await keyboard.type(page.getByLabel('Exact time'), '2020-01-01 00:00:00Z');
  const plan = page.getByRole('button', { name: 'Plan the restore' });
  await keyboard.press(plan);
  await expect(page.getByText('That is before the first backup')).toBeVisible({ timeout: 30_000 });
  await keyboard.type(page.getByLabel('Exact time'), `${moment}Z`);
  const look = page.getByRole('button', { name: 'Open it for a look…' });
  await expect(async () => {
    await keyboard.press(plan);
    await expect(look).toBeVisible({ timeout: 5000 });
  }).toPass({ timeout: 40_000 });
  await keyboard.press(look);
  await keyboard.confirm('Restore into a scratch server for a look', { from: look });
  const line = page.getByText(/^psql -h /);
  await expect(line).toBeVisible({ timeout: 90_000 });
  const [, host = '', port = '', user = ''] =
    /-h (\S+) -p (\d+) -U (\S+)/.exec((await line.textContent()) ?? '') ?? [];
  const rows = await system.askSocket({ host, port: Number(port), user }, 'SELECT what FROM kept');
  expect(rows).toEqual([{ what: 'before' }]);
  const close = page.getByRole('button', { name: 'Close…' });
  await keyboard.press(close);
  await keyboard.confirm('Close the copy that is open for a look');
  await expect(line).toBeHidden({ timeout: 30_000 });
});

test('plans a restore in place, which only the name of the cluster confirms', async () => {
  await keyboard.press(page.getByLabel('Restore to', { exact: true }), 'ArrowDown');
  await expect(page.getByLabel('Restore to', { exact: true })).toHaveValue('latest');
  await keyboard.press(page.getByRole('button', { name: 'Plan the restore' }));
  const back = page.getByRole('button', { name: 'Take demo back…' });
  await expect(back).toBeVisible({ timeout: 40_000 });
  await keyboard.press(back);
  const dialog = page.getByRole('dialog');
  await expect(dialog.getByText(/^Take demo back, where it runs\. Restore/)).toBeVisible({ timeout: 30_000 });
  const run = dialog.getByRole('button', { name: 'Take the cluster back' });
  await keyboard.type(dialog.getByLabel(/^Reason/), 'to see the plan');
  await expect(run).toBeDisabled();
  expect(await seriousViolations(page, '[role=dialog]')).toEqual([]);
  await keyboard.type(dialog.getByLabel('Type demo to confirm'), 'demo');
  await expect(run).toBeEnabled();
  await page.keyboard.press('Escape');
  await expect(dialog).toBeHidden();
  await expect(back).toBeFocused();
  await page.goto(system.url);
  await page.getByRole('heading', { name: 'demo' }).click();
});

test('switches over to the node that was chosen, for a reason, with the keyboard alone', async () => {
  const before = (await system.primary()).name;
  const target = before === 'node-3' ? 'node-2' : 'node-3';
  await keyboard.choose(menuOf(target), 'Make it the primary…');
  const dialog = page.getByRole('dialog');
  await expect(dialog.getByText(`Switch over from ${before}`)).toBeVisible({ timeout: 20_000 });
  await expect(dialog.getByRole('button', { name: `Make ${target} the primary` })).toBeDisabled();
  await keyboard.confirm(`Make ${target} the primary`, { reason: 'to try it', from: menuOf(target) });
  await expect(card(target)).toContainText('primary', { timeout: 60_000 });
  await expect(page.getByText('Healthy. Can lose 1 more node')).toBeVisible({ timeout: 60_000 });
});

test('tells of a primary that dies, and of its return', async () => {
  const before = (await system.primary()).name;
  await system.killNode(before);
  await expect(page.getByText(`${before} is unreachable`).first()).toBeVisible({ timeout: 30_000 });
  await expect(page.getByText(/is primary: epoch/).first()).toBeVisible({ timeout: 30_000 });
  await expect(card(before)).toContainText('standby · streaming', { timeout: 90_000 });
});

test('the failover is told of as an alert', async () => {
  await expectFired(system, 'failover-happened');
  await page.getByRole('link', { name: 'Alerts', exact: true }).click();
  await expect(page.getByText('A failover happened').first()).toBeVisible();
});

test('what was done is in the audit log', async () => {
  await page.getByRole('link', { name: 'Audit', exact: true }).click();
  await expect(page.getByRole('cell', { name: 'switchover' }).first()).toBeVisible();
  await expect(page.getByRole('cell', { name: 'to try it' }).first()).toBeVisible();
});

test('a second factor is set up with an authenticator app, and asked for at sign-in', ({ browser }) =>
  useSecondFactor(browser, system));

test('no page has a serious accessibility violation, in either theme', async () => {
  await expectAccessible(page, system);
});

test('a disk that fills is told of', async () => {
  await expectFired(system, 'disk-full-soon');
  await page.goto(system.url);
  await expect(page.getByRole('term').filter({ hasText: 'Verified backup' })).toBeVisible();
  await page.goto(`${system.url}/tokens`);
  await page.getByRole('button', { name: 'Revoke people' }).click();
  await confirm('Revoke it');
  await expect(page.getByRole('row', { name: /^people/ })).toContainText('revoked');
});

test('founds a second cluster by click, on the host that has left the first one', () =>
  foundSecondCluster(page, { url: system.url, host: 'spare-1', confirm, openMenu, card }));

test('I-META-1: the machine of the console is lost; from a copy and the secret another one goes on with every host', async ({
  browser,
}) => {
  await loseAndRestoreConsole(browser, system);
});
