import AxeBuilder from '@axe-core/playwright';
import { expect, type Page } from '@playwright/test';
import type { LocalSystem } from './local-system.ts';
import { knownIn, pathsOf } from './routes.ts';

/** A theme changes colours and nothing else: everything is looked at in the light one, the contrast in the dark one, too. */
const themes = [
  { colorScheme: 'light', rules: null },
  { colorScheme: 'dark', rules: ['color-contrast'] },
] as const;

const desk = { width: 1360, height: 900 };
const phone = { width: 390, height: 844 };
/** What a narrow page may break: names that are hidden there, and parts that scroll. */
const phoneRules = ['button-name', 'link-name', 'label', 'aria-hidden-focus', 'scrollable-region-focusable'];
/** All of them are measured; what an on-call engineer opens first is read, too, because each look takes a second or two. */
const phonePages = /^\/(alerts|c\/[^/]+(\/(sessions|backups))?)?$/;

/** Every page, as somebody reads it who does not see it, or does not see it well. */
export async function expectAccessible(page: Page, system: LocalSystem): Promise<void> {
  const found: string[] = [];
  for (const path of pathsOf(await knownIn(system))) {
    await page.emulateMedia({ colorScheme: 'light' });
    await page.goto(system.url + path);
    await expect(page.getByRole('heading', { level: 1 })).toBeVisible();
    await untilFilled(page, path);
    await page.setViewportSize(phone);
    await untilPainted(page);
    const wider = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
    if (wider > 0) found.push(`${path} (phone) is ${wider} px too wide`);
    if (phonePages.test(path)) {
      const broken = await seriousViolations(page, 'html', phoneRules);
      found.push(...broken.map((violation) => `${path} (phone) ${violation}`));
    }
    await page.setViewportSize(desk);
    for (const { colorScheme, rules } of themes) {
      await page.emulateMedia({ colorScheme });
      await untilPainted(page);
      const violations = await seriousViolations(page, 'html', rules);
      found.push(...violations.map((violation) => `${path} (${colorScheme}) ${violation}`));
    }
  }
  expect(found).toEqual([]);
}

/** Colours that are on their way from one theme to the other are those of neither. */
async function untilPainted(page: Page): Promise<void> {
  await page.evaluate(async () => {
    await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
    const passing = document
      .getAnimations()
      .filter(({ effect }) => effect?.getTiming().iterations !== Infinity);
    await Promise.allSettled(passing.map(({ finished }) => finished));
  });
}

/** What a page shows only once somebody has answered belongs to it. */
async function untilFilled(page: Page, path: string): Promise<void> {
  if (path.endsWith('/parameters')) await expect(page.getByLabel('Search')).toBeVisible({ timeout: 20_000 });
  if (path.endsWith('/metrics')) await expectFigures(page);
  if (path.endsWith('/restore'))
    await expect(page.getByLabel('Moment to restore to')).toBeVisible({ timeout: 30_000 });
  if (path.endsWith('/backups'))
    await expect(page.getByText('Stored backups')).toBeVisible({ timeout: 30_000 });
  if (path === '/api-docs') await expect(page.getByText('Error codes')).toBeVisible();
}

/** Every node has told of its machine and its PostgreSQL, and it is drawn. */
async function expectFigures(page: Page): Promise<void> {
  const now = page.getByRole('region', { name: 'Every node now' });
  for (const name of ['node-1', 'node-2', 'node-3'])
    await expect(now.getByRole('row').filter({ hasText: name })).toContainText(/%.* of .* of .* of 100/s, {
      timeout: 20_000,
    });
  await expect(page.getByRole('figure', { name: 'Commits' }).locator('.recharts-line').first()).toBeVisible();
}

/** Of what is shown now, or of a part of it: the rule, and where it is broken. */
export async function seriousViolations(
  page: Page,
  part = 'html',
  rules: readonly string[] | null = null,
): Promise<string[]> {
  // What passes is not written down: on a large page that takes longer than the look itself.
  const look = new AxeBuilder({ page }).options({ resultTypes: ['violations'] }).include(part);
  const { violations } = await (rules ? look.withRules([...rules]) : look).analyze();
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join(' ')}`);
}
