import { expect, type Page } from '@playwright/test';

/** From the backups page: one more repository is tried, added, gets its WAL, and is given up again. */
export async function addAndTakeOffRepository(
  page: Page,
  { directory, confirm }: { directory(): Promise<string>; confirm(button: string): Promise<void> },
): Promise<void> {
  await page.getByRole('link', { name: 'Settings' }).click();
  const far = page.getByRole('row').filter({ hasText: '/far' });
  await page.getByRole('button', { name: 'Add a repository…' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Directory').fill(await directory());
  await dialog.getByLabel('Encrypt the repository').uncheck();
  await dialog.getByRole('button', { name: 'Test from every node' }).click();
  await expect(dialog.getByText(/^node-\d: writes, reads and deletes$/)).toHaveCount(3, { timeout: 30_000 });
  await dialog.getByRole('button', { name: 'Review…' }).click();
  await confirm('Set repository 2');
  await expect(far).toBeVisible({ timeout: 60_000 });
  await page.getByRole('link', { name: 'Backups' }).click();
  await expect(far).toContainText('good', { timeout: 30_000 });
  await page.getByRole('link', { name: 'Settings' }).click();
  await page.getByRole('button', { name: 'Take off…' }).click();
  await confirm('Take repository 2 off');
  await expect(far).toHaveCount(0, { timeout: 60_000 });
  await page.getByRole('link', { name: 'Backups' }).click();
}
