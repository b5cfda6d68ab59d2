// A whole local system, as `npm start` gives it, and its console in Chromium.

import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { chromium } from '@playwright/test';
import { inWorkspace } from './workspace.mjs';

const run = promisify(execFile);
const command = fileURLToPath(new URL('../../apps/node-daemon/bin/quantadb.mjs', import.meta.url));
const base = 27_000;
const upMs = 180_000;

/** @param {(system: { home: string, url: string, quantadb(...args: string[]): Promise<string> }) => Promise<void>} work */
export async function withLocalSystem(work) {
  let down = async () => undefined;
  await inWorkspace(
    async (home) => {
      const env = { ...process.env, QUANTADB_HOME: home, QUANTADB_PORT_BASE: String(base) };
      const quantadb = async (...args) =>
        (await run(process.execPath, [command, ...args], { env, timeout: upMs })).stdout;
      down = () => quantadb('down');
      await quantadb('up');
      await work({ home, url: `http://127.0.0.1:${base}`, quantadb });
    },
    () => down(),
  );
}

/** Debian's, without what it does by itself in the background. */
export function openBrowser() {
  const isRoot = process.getuid?.() === 0;
  const quiet = ['--disable-background-networking', '--disable-component-update', '--no-first-run'];
  return chromium.launch({
    executablePath: '/usr/bin/chromium',
    args: [...quiet, ...(isRoot ? ['--no-sandbox'] : [])],
  });
}

/** @returns a page with the overview of the cluster, and the cluster's path */
export async function signIn(context, { home, url }) {
  const { email, password } = JSON.parse(readFileSync(join(home, 'secrets.json'), 'utf8')).console.admin;
  const page = await context.newPage();
  await page.goto(`${url}/login`);
  await page.getByLabel('E-mail').fill(email);
  await page.getByLabel('Password').fill(password);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('link', { name: /demo/ }).first().click();
  await page.waitForURL(/\/c\//);
  await page.getByRole('main').waitFor();
  return { page, cluster: /\/c\/[^/]+/.exec(page.url())[0] };
}
