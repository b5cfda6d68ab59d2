import { expect, type Page } from '@playwright/test';
import type { LocalSystem } from './local-system.ts';

/** A console that hangs keeps its connections open: the bar says so all the same, and what is shown ages. */
export async function expectSilenceIsTold(page: Page, system: LocalSystem): Promise<void> {
  const bar = page.getByRole('banner');
  await expect(bar.getByText('Live', { exact: true })).toBeVisible({ timeout: 20_000 });
  await system.signalConsole('SIGSTOP');
  try {
    await expect(bar.getByText('No answer')).toBeVisible({ timeout: 15_000 });
  } finally {
    await system.signalConsole('SIGCONT');
  }
  await expect(bar.getByText('Live', { exact: true })).toBeVisible({ timeout: 20_000 });
}
