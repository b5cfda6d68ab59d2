import { expect, type Page } from '@playwright/test';
import type { LocalSystem } from './local-system.ts';

/** The page of a cluster that stands open: who streams, what is kept for it, and its lag while it stands still. */
export async function expectReplication(page: Page, system: LocalSystem): Promise<void> {
  await page.getByRole('link', { name: 'Replication', exact: true }).click();
  await expect(page.getByRole('heading', { level: 1, name: 'Replication' })).toBeVisible();
  const nodes = await system.nodes();
  const primary = nodes.find((node) => node.role === 'primary')?.name ?? '';
  const standby = nodes.find((node) => node.role === 'standby')?.name ?? '';
  const row = page
    .getByRole('region', { name: 'Who receives WAL' })
    .getByRole('row')
    .filter({ has: page.getByRole('link', { name: standby }) });
  const told = `${standby}${primary}streamingsynchronousstreaming, quorum`;
  await expect(row).toContainText(told, { timeout: 20_000 });
  const slots = page.getByRole('region', { name: 'Replication slots' }).getByRole('row');
  const own = slots.filter({ hasText: `quantadb_${standby.replace('-', '_')}` }).filter({ hasText: primary });
  await expect(own).toContainText('read now', { timeout: 20_000 });
  await system.signalServer(standby, 'SIGSTOP');
  try {
    await system.sql("INSERT INTO load SELECT n, repeat('x', 500) FROM generate_series(1, 20000) n");
    await expect(row).toContainText(/[1-9][\d.]* MB · [2-9]\.\d s/, { timeout: 15_000 });
  } finally {
    await system.signalServer(standby, 'SIGCONT');
  }
  await expect(row).toContainText('0 B', { timeout: 60_000 });
}
