import { join } from 'node:path';
import { type Browser, expect } from '@playwright/test';
import type { LocalSystem } from './local-system.ts';
import { OtherMachine, writeSettings } from './other-machine.ts';

const withoutConsole = 'while there is no console';

/**
 * The machine of the console is gone with its database. From a copy of that and the secret another one goes on, at the address that hosts know:
 * they come back by themselves, tell what has happened meanwhile, and take orders.
 */
export async function loseAndRestoreConsole(browser: Browser, system: LocalSystem): Promise<void> {
  const { secret } = system.metadata;
  const port = Number(new URL(system.url).port);
  const elsewhere = await system.directoryForPostgres('elsewhere');
  const settings = join(elsewhere, 'console.env');
  const { databaseUrl } = system.metadata;
  await writeSettings(system, settings, { databaseUrl, publicUrl: system.url, port, secret });
  const told = await system.command(['console', 'backup', settings, '--to', elsewhere, '--json']);
  const copy = (JSON.parse(told) as { file: string }).file;
  const lost = await system.loseControlPlane();
  const [standby = ''] = (await system.nodes())
    .filter(({ role }) => role === 'standby')
    .map(({ name }) => name);
  await system.command(['maintenance', 'on', standby, '--reason', withoutConsole, '--yes']);
  const machine = await OtherMachine.prepare(system, { name: 'new-machine', port, secret });
  try {
    const restored = await system.command(['console', 'restore', machine.settings, copy]);
    expect(restored).toMatch(/^Restored: \d+ p\w+, 4 hosts, \d+ clusters?, as they were at 20/);
    await machine.startConsole();
    await steer(browser, system, standby);
  } finally {
    await machine.stop();
    lost.recover();
  }
}

/** Somebody signs in as before, sees the cluster live with what happened without a console, and ends the maintenance. */
async function steer(browser: Browser, system: LocalSystem, standby: string): Promise<void> {
  const context = await browser.newContext({ viewport: { width: 1360, height: 900 } });
  const page = await context.newPage();
  await page.goto(system.url);
  await page.getByLabel('E-mail').fill(system.admin.email);
  await page.getByLabel('Password').fill(system.admin.password);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('heading', { name: 'demo' }).click();
  await expect(page.getByText('Live', { exact: true })).toBeVisible();
  const card = page.getByRole('article', { name: new RegExp(`^${standby},`) });
  await expect(card).toContainText('maintenance', { timeout: 30_000 });
  await expect(
    page.getByText(`${standby} is in maintenance`).filter({ hasText: withoutConsole }),
  ).toBeVisible();
  const hosts = (await system.api('GET', '/hosts')) as { state: string }[];
  expect(hosts.filter(({ state }) => state === 'member' || state === 'available')).toHaveLength(4);
  await card.getByRole('button', { name: `Actions for ${standby}` }).click();
  await page.getByRole('menuitem', { name: 'End maintenance…' }).click();
  await page.getByRole('button', { name: `End maintenance of ${standby}` }).click();
  await expect(card).not.toContainText('maintenance', { timeout: 30_000 });
  await context.close();
}
