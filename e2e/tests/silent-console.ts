import { expect, type Page, type WebSocketRoute } from '@playwright/test';
import type { LocalSystem } from './local-system.ts';

const hourMs = 3_600_000;
/** A status that is older than ten seconds is greyed out. */
const longerThanFreshMs = 13_000;

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

/**
 * A page whose machine's clock is an hour ahead, and whose line the console refuses at first: it asks for the status instead, which
 * counts as fresh as the console says and greys out when that says no more, and is live again without being reloaded.
 */
export async function expectReturnAfterRefusal(page: Page, system: LocalSystem): Promise<void> {
  const browser = page.context().browser();
  const context = await browser?.newContext({ storageState: await page.context().storageState() });
  if (!context) throw new Error('the page has no browser of its own');
  try {
    await returnsAfterRefusal(await context.newPage(), system);
  } finally {
    await context.close();
  }
}

async function returnsAfterRefusal(refused: Page, system: LocalSystem): Promise<void> {
  await refused.clock.install({ time: Date.now() + hourMs });
  let isRefusing = true;
  await refused.routeWebSocket(/\/socket\.io\//, (line) => {
    if (isRefusing) refuse(line);
    else line.connectToServer();
  });
  await refused.goto(`${system.url}/c/demo`);
  const bar = refused.getByRole('banner');
  await expect(bar.getByText('Connection lost')).toBeVisible({ timeout: 20_000 });
  await expect(refused.getByText(/^demo is /)).toBeAttached({ timeout: 20_000 });
  // Nor does it answer who that is: what is open stays open.
  await refused.route(/\/api\/trpc\/people\.me/, (asked) =>
    isRefusing ? asked.fulfill({ status: 503, body: 'not now' }) : asked.continue(),
  );
  await refused.waitForTimeout(longerThanFreshMs);
  await expect(refused.getByText(/^demo is /)).toBeAttached();
  await expect(refused.getByText(/^Last heard/)).toHaveCount(0);
  await system.signalConsole('SIGSTOP');
  try {
    await expect(refused.getByText(/^Last heard/).first()).toBeVisible({ timeout: 20_000 });
  } finally {
    await system.signalConsole('SIGCONT');
  }
  isRefusing = false;
  await expect(bar.getByText('Live', { exact: true })).toBeVisible({ timeout: 40_000 });
}

/** As the console does whose metadata does not answer (the protocols of Engine.IO 4 and Socket.IO 5). */
function refuse(line: WebSocketRoute): void {
  const open = { sid: 'refused', upgrades: [], pingInterval: 25_000, pingTimeout: 20_000, maxPayload: 1e6 };
  line.onMessage((message) => {
    if (String(message).startsWith('40/live')) line.send('44/live,{"message":"not now"}');
  });
  line.send(`0${JSON.stringify(open)}`);
}
