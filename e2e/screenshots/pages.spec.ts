import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Browser, expect, type Page, test } from '@playwright/test';
import { pathsOf } from '../tests/accessibility.ts';
import { LocalSystem } from '../tests/local-system.ts';

/** Every page of a real system as it looks: bright, dark and on a phone; when all is well, and when a server stands still. */

const directory = fileURLToPath(new URL('../../screenshots/', import.meta.url));
const wanted = process.env.QUANTADB_LOOKS?.split(',');
const looks = [
  { name: 'light', width: 1360, height: 900, colorScheme: 'light' },
  { name: 'dark', width: 1360, height: 900, colorScheme: 'dark' },
  { name: 'phone', width: 360, height: 740, colorScheme: 'light' },
] as const;
/** Charts and answers of hosts come after the page. */
const settleMs = 1500;
const alertTabs = ['firing', 'history', 'rules', 'silences', 'channels'];

let system: LocalSystem;

test.beforeAll(async () => {
  test.setTimeout(300_000);
  system = await LocalSystem.start();
  await mkdir(directory, { recursive: true });
});

test.afterAll(async () => {
  await system?.stop();
});

test('all is well', async ({ browser }) => {
  await system.sql('CREATE TABLE IF NOT EXISTS load (n int, filler text)');
  await system.sql("INSERT INTO load SELECT n, repeat('x', 500) FROM generate_series(1, 50000) n");
  const repository = await system.directoryForPostgres('backups');
  await system.command(['backup', 'configure', '--path', repository, '--yes']);
  await system.command(['backup', 'now', '--yes']);
  await inEveryLook(browser, async (page, look) => {
    const cluster = await clusterPath(page);
    const alerts = alertTabs.map((tab) => `/alerts?tab=${tab}`);
    const failovers = `${cluster}/failovers`;
    await page.goto(system.url + failovers);
    const first = page.getByRole('row').getByRole('link').first();
    await first.waitFor({ timeout: 5000 }).catch(() => undefined);
    const below = (await first.count()) > 0 ? [(await first.getAttribute('href')) ?? failovers] : [];
    for (const path of [...new Set([...pathsOf(cluster), ...alerts, ...below])])
      await picture(page, { path, cluster, name: `well-${look}` });
  });
});

test('a standby stands still', async ({ browser }) => {
  const standby = (await system.nodes()).find(({ role }) => role === 'standby')?.name ?? '';
  const { daemon } = (await system.node(standby)).pids;
  await system.signalServer(standby, 'SIGSTOP');
  if (daemon) process.kill(daemon, 'SIGSTOP');
  try {
    await inEveryLook(browser, async (page, look) => {
      const cluster = await clusterPath(page);
      await page.goto(`${system.url}/alerts`);
      await expect(page.getByRole('heading', { name: 'A node does not answer' })).toBeVisible({
        timeout: 90_000,
      });
      const touched = ['', '/replication', '/metrics', `/nodes/${standby}`, '/router', '/logs', '/backups'];
      for (const path of ['/', '/alerts', '/hosts', ...touched.map((below) => cluster + below)])
        await picture(page, { path, cluster, name: `still-${look}` });
    });
  } finally {
    if (daemon) process.kill(daemon, 'SIGCONT');
    await system.signalServer(standby, 'SIGCONT');
  }
});

async function inEveryLook(browser: Browser, walk: (page: Page, look: string) => Promise<void>) {
  for (const { name, width, height, colorScheme } of looks) {
    if (wanted && !wanted.includes(name)) continue;
    const context = await browser.newContext({ viewport: { width, height }, colorScheme });
    const page = await context.newPage();
    await page.goto(system.url);
    await expect(page.getByLabel('E-mail')).toBeVisible();
    await page.screenshot({ path: join(directory, `login-${name}.png`) });
    await page.getByLabel('E-mail').fill(system.admin.email);
    await page.getByLabel('Password').fill(system.admin.password);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await expect(page.getByRole('heading', { level: 1 })).toHaveText('Clusters');
    await walk(page, name);
    await context.close();
  }
}

async function clusterPath(page: Page): Promise<string> {
  await page.goto(system.url);
  await page.getByRole('heading', { name: 'demo' }).click();
  await page.waitForURL(/\/c\//);
  return new URL(page.url()).pathname;
}

/** The whole page, also what is below the fold; a page that is wider than the screen is told of. */
async function picture(
  page: Page,
  { path, cluster, name }: { path: string; cluster: string; name: string },
): Promise<void> {
  await page.goto(system.url + path);
  await expect(page.getByRole('heading', { level: 1 })).toBeVisible();
  await page.waitForTimeout(settleMs);
  const words = path
    .replace(cluster, 'cluster')
    .replace(/^\/$/, 'fleet')
    .replace(/[^\w]+/g, '-');
  await page.screenshot({ path: join(directory, `${words.replace(/^-/, '')}-${name}.png`), fullPage: true });
  const isWide = await page.evaluate(() => document.documentElement.scrollWidth > window.innerWidth);
  if (isWide) console.log(`wider than the screen: ${path} (${name})`);
}
