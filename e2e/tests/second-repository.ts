import { expect, type Page } from '@playwright/test';
import { seriousViolations } from './accessibility.ts';

/** From the backups page: one more repository is tried, added, gets its WAL, and is given up again. */
export async function addAndTakeOffRepository(
  page: Page,
  { directory, confirm }: { directory(): Promise<string>; confirm(button: string): Promise<void> },
): Promise<void> {
  await page.getByRole('link', { name: 'Settings', exact: true }).click();
  const far = page.getByRole('row').filter({ hasText: '/far' });
  await page.getByRole('button', { name: 'Add a repository…' }).click();
  const dialog = page.getByRole('dialog');
  await expectOnHostIsReviewed(page);
  await page.getByRole('button', { name: 'Add a repository…' }).click();
  await dialog.getByLabel('Directory').fill(await directory());
  await dialog.getByLabel('Encrypt the repository').uncheck();
  await dialog.getByRole('button', { name: 'Test from every node' }).click();
  await expect(dialog.getByText(/^node-\d: writes, reads and deletes$/)).toHaveCount(3, { timeout: 30_000 });
  await dialog.getByRole('button', { name: 'Review…' }).click();
  await confirm('Set repository 2');
  await expect(far).toBeVisible({ timeout: 60_000 });
  await page.getByRole('link', { name: 'Backups', exact: true }).click();
  await expect(far).toContainText('good', { timeout: 30_000 });
  await page.getByRole('link', { name: 'Settings', exact: true }).click();
  await page.getByRole('button', { name: 'Take off…' }).click();
  await confirm('Take repository 2 off');
  await expect(far).toHaveCount(0, { timeout: 60_000 });
  await page.getByRole('link', { name: 'Backups', exact: true }).click();
}

/** On the disk of a host, by the keyboard: what is lost with it is said before it is set. It is not set here. */
async function expectOnHostIsReviewed(page: Page): Promise<void> {
  const dialog = page.getByRole('dialog');
  const kind = dialog.getByLabel('Kind of place');
  await kind.focus();
  await page.keyboard.type('the disk');
  await expect(kind).toHaveValue('host');
  await expect(dialog.getByText('It is tried when it is set')).toBeVisible();
  const host = dialog.getByLabel('Host', { exact: true });
  await expect(host).toHaveAccessibleDescription(/this repository is lost with it/);
  await host.selectOption({ label: 'node-3 (holds data too)' });
  await dialog.getByLabel('Directory').fill('/far');
  await dialog.getByLabel('Encrypt the repository').uncheck();
  expect(await seriousViolations(page, '[role=dialog]')).toEqual([]);
  await dialog.getByRole('button', { name: 'Review…' }).click();
  await expect(dialog.getByText('Losing node-3 or its disk loses all that repository 2 holds')).toBeVisible({
    timeout: 20_000,
  });
  await expect(dialog.getByText('--host node-3 --port 8432 --path /far')).toBeVisible();
  await dialog.getByRole('button', { name: 'Cancel' }).click();
  // Back from the review, with what was typed.
  await expect(dialog.getByLabel('Directory')).toHaveValue('/far');
  await expect(kind).toHaveValue('host');
  await dialog.getByRole('button', { name: 'Cancel' }).click();
  await expect(dialog).toBeHidden();
}
