import { expect, type Locator, type Page } from '@playwright/test';

interface Hands {
  url: string;
  host: string;
  confirm(button: string, reason?: string): Promise<void>;
  openMenu(name: string): Promise<void>;
  card(name: string): Locator;
}

/** A standby is taken out of its cluster, and its host founds another one. */
export async function foundSecondCluster(
  page: Page,
  { url, host, confirm, openMenu, card }: Hands,
): Promise<void> {
  await page.goto(url);
  await page.getByRole('heading', { name: 'demo' }).click();
  await openMenu(host);
  await page.getByRole('menuitem', { name: 'Remove from the cluster…' }).click();
  await confirm(`Remove ${host}`, 'for another cluster');
  await expect(card(host)).toBeHidden({ timeout: 60_000 });
  await page.getByRole('link', { name: 'Hosts', exact: true }).click();
  const found = page.getByRole('button', { name: 'Found a cluster…' });
  await expect(found).toBeVisible({ timeout: 60_000 });
  await page.getByRole('button', { name: `End enrolment… of ${host}` }).click();
  await expect(page.getByRole('dialog')).toContainText('Its certificate counts no more here');
  await page.getByRole('button', { name: 'Keep it' }).click();
  await found.click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Name of the cluster').fill('shop');
  await dialog.getByLabel('Role of the application').fill('shop');
  await dialog.getByRole('button', { name: 'Plan' }).click();
  await expect(dialog.getByText(`Create cluster shop on ${host}`)).toBeVisible({ timeout: 20_000 });
  await dialog.getByRole('button', { name: 'Found the cluster' }).click();
  await expect(dialog.getByText('The password of shop is shown this once')).toBeVisible({ timeout: 20_000 });
  await dialog.getByRole('button', { name: 'Close' }).last().click();
  await page.goto(url);
  await page.getByRole('heading', { name: 'shop' }).click({ timeout: 60_000 });
  await expect(card(host)).toContainText('primary', { timeout: 60_000 });
}
