import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect } from '@playwright/test';
import type { LocalSystem } from './local-system.ts';

const run = promisify(execFile);

/** Before anything happens: a disk that fills at all is to be told of at once. What fills it stays there for minutes. */
export async function prepareAlerts(system: LocalSystem): Promise<void> {
  const settings = { forSeconds: 0, limits: { hours: 720, minutes: 3 } };
  await system.api('POST', '/alerts/rules/disk-full-soon', { cluster: null, settings });
  await run('fallocate', [
    '-l',
    '512M',
    await system.directoryForPostgres('filler').then((path) => `${path}/file`),
  ]);
}

/** It stands now, or has stood. */
export async function expectFired(system: LocalSystem, rule: string): Promise<void> {
  const told = async () => {
    const lists = await Promise.all(['/alerts', '/alerts/history'].map((path) => system.api('GET', path)));
    return (lists.flat() as { rule: string; state?: string }[]).some((alert) => alert.rule === rule);
  };
  await expect.poll(told, { timeout: 60_000, message: rule }).toBe(true);
}
