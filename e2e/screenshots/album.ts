import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Browser, type BrowserContext, expect, type Page } from '@playwright/test';

/** Pictures of pages: bright, dark and on a phone, in `screenshots/`. */

const directory = fileURLToPath(new URL('../../screenshots/', import.meta.url));
const wanted = process.env.QUANTADB_LOOKS?.split(',');
const looks = [
  { name: 'light', width: 1360, height: 900, colorScheme: 'light' },
  { name: 'dark', width: 1360, height: 900, colorScheme: 'dark' },
  { name: 'phone', width: 360, height: 740, colorScheme: 'light' },
] as const;
/** Charts and answers of hosts come after the page. */
const settleMs = 1300;
const answerMs = 10_000;

export interface Person {
  email: string;
  password: string;
}

export class Album {
  readonly page: Page;
  private readonly url: string;
  private readonly look: string;

  private constructor(page: Page, url: string, look: string) {
    this.page = page;
    this.url = url;
    this.look = look;
  }

  /** Walks through a console once in every look. @param person who signs in; null: nobody */
  static async inEveryLook(
    browser: Browser,
    { url, person }: { url: string; person: Person | null },
    walk: (album: Album) => Promise<void>,
  ): Promise<void> {
    await mkdir(directory, { recursive: true });
    for (const { name, width, height, colorScheme } of looks) {
      if (wanted && !wanted.includes(name)) continue;
      const storageState = person ? await signedIn(browser, url, person) : undefined;
      const context = await browser.newContext({
        viewport: { width, height },
        colorScheme,
        ...(storageState ? { storageState } : {}),
      });
      const page = await context.newPage();
      await walk(new Album(page, url, name));
      await context.close();
    }
  }

  async open(path: string): Promise<void> {
    await this.page.goto(this.url + path);
    await expect(this.page.getByRole('heading', { level: 1 })).toBeVisible();
    await expect(this.page.getByText(/^Loading|^Asking/))
      .toHaveCount(0, { timeout: answerMs })
      .catch(() => undefined);
    await this.page.waitForTimeout(settleMs);
  }

  /** A page with everything that is on it, also below the fold. */
  async picture(path: string, name: string): Promise<void> {
    await this.open(path);
    await this.asItStands(name, true);
  }

  /** What is there now; a page that is wider than the screen is told of. */
  async asItStands(name: string, fullPage = false): Promise<void> {
    await this.page.screenshot({ path: join(directory, `${name}-${this.look}.png`), fullPage });
    const wide = await this.page.evaluate(
      () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
    );
    if (wide > 0) console.log(`${wide} px wider than the screen: ${name} (${this.look})`);
  }

  /** A dialog of a page: what is done to open it, and then it is left again. */
  async dialog(path: string, name: string, begin: (page: Page) => Promise<void>): Promise<void> {
    await this.open(path);
    try {
      await begin(this.page);
      await this.page.waitForTimeout(settleMs);
      await this.asItStands(name);
    } catch (error) {
      console.log(
        `no picture ${name} (${this.look}): ${error instanceof Error ? error.message.split('\n')[0] : ''}`,
      );
    }
  }
}

type State = Awaited<ReturnType<BrowserContext['storageState']>>;
const states = new Map<string, State>();

/** Once for every person: who signs in again and again is held up. */
async function signedIn(browser: Browser, url: string, { email, password }: Person): Promise<State> {
  const key = `${email} ${url}`;
  const known = states.get(key);
  if (known) return known;
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.goto(`${url}/login`);
  await page.getByLabel('E-mail').fill(email);
  await page.getByLabel('Password').fill(password);
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('Clusters');
  const state = await context.storageState();
  states.set(key, state);
  await context.close();
  return state;
}

/** `/c/<id>/nodes/node-1` of a known cluster as `cluster-nodes-node-1`. */
export function nameOf(path: string, known: Record<string, string>): string {
  const words = Object.entries(known).reduce((text, [name, value]) => text.replace(value, name), path);
  const name = words.replace(/^\/c\/id/, '/cluster').replace(/[^\w]+/g, '-');
  return name.replace(/^-|-$/g, '') || 'fleet';
}
