import { createHmac } from 'node:crypto';
import { type Browser, expect } from '@playwright/test';
import type { LocalSystem } from './local-system.ts';

/** Somebody turns a second factor on with an authenticator app, signs out, and in again with a code. */
export async function useSecondFactor(browser: Browser, system: LocalSystem): Promise<void> {
  const token = (await system.command(['token', 'create', 'people', '--role', 'admin'])).trim();
  const person = { name: 'Kim', email: 'kim@example.com', password: 'a password for tests', role: 'viewer' };
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  const init = { method: 'POST', headers, body: JSON.stringify(person) };
  expect((await fetch(`${system.url}/api/v1/people`, init)).status).toBe(200);
  const context = await browser.newContext();
  const kim = await context.newPage();
  const signIn = async () => {
    await kim.goto(`${system.url}/login`);
    await kim.getByLabel('E-mail').fill(person.email);
    await kim.getByLabel('Password').fill(person.password);
    await kim.getByRole('button', { name: 'Sign in', exact: true }).click();
  };
  await signIn();
  await expect(kim.getByRole('heading', { name: 'demo' })).toBeVisible();
  await kim.goto(`${system.url}/account`);
  await kim.getByRole('button', { name: 'Set it up' }).click();
  const dialog = kim.getByRole('dialog');
  await dialog.getByLabel('Password').fill(person.password);
  await dialog.getByRole('button', { name: 'Go on' }).click();
  await expect(dialog.getByRole('img', { name: /QR code/ })).toBeVisible();
  const key = (await dialog.locator('code').textContent()) ?? '';
  await dialog.getByLabel('Code', { exact: true }).fill(codeNow(key));
  await dialog.getByRole('button', { name: 'Turn it on' }).click();
  await expect(dialog.getByRole('listitem')).toHaveCount(10);
  await dialog.getByRole('button', { name: 'I have kept them' }).click();
  await expect(kim.getByText('on', { exact: true })).toBeVisible();
  await kim.getByRole('button', { name: /^Account of/ }).click();
  await kim.getByRole('menuitem', { name: /^Sign out/ }).click();
  await expect(kim).toHaveURL(/\/login$/);
  await signIn();
  // The one of this half minute was used a moment ago.
  await kim.getByLabel('Code').fill(codeNow(key, 1));
  await kim.getByRole('button', { name: 'Sign in', exact: true }).click();
  await expect(kim.getByRole('heading', { name: 'demo' })).toBeVisible();
  await context.close();
}

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

/** The code that an authenticator app shows now for a key (RFC 6238). */
function codeNow(key: string, stepsAhead = 0): string {
  const bits = [...key].map((digit) => alphabet.indexOf(digit).toString(2).padStart(5, '0')).join('');
  const secret = Buffer.from((bits.match(/.{8}/g) ?? []).map((byte) => Number.parseInt(byte, 2)));
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000) + stepsAhead));
  const digest = createHmac('sha1', secret).update(counter).digest();
  const offset = (digest.at(-1) ?? 0) & 0x0f;
  return String((digest.readUInt32BE(offset) & 0x7fff_ffff) % 1_000_000).padStart(6, '0');
}
