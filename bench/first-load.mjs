// What a page of the console costs a browser that has nothing of it yet, and one that has been there: bytes over the network, when
// something is painted, when the largest part is, and when nothing is loading any more. On a real local system, signed in.
//
//   npm run bench -- first-load [rounds=5]
//
// The network is the machine's own: what is transferred says what another one would take. Table on stderr, JSON on stdout.

import { setTimeout as delay } from 'node:timers/promises';
import { machineLoad, median, printTable, say } from './lib/figures.mjs';
import { openBrowser, signIn, withLocalSystem } from './lib/local-console.mjs';

const given = Object.fromEntries(process.argv.slice(2).map((each) => each.split('=')));
const rounds = Number(given.rounds ?? 5);
const below = ['', '/metrics', '/backups', '/queries', '/router'];
const viewport = { width: 1360, height: 900 };
const settledMs = 300;
const loadedDeadlineMs = 30_000;

/** Before anything of the page runs: the browser's own marks. */
function note() {
  window.marks = { firstPaint: null, largestPaint: null };
  const observe = (type, take) =>
    new PerformanceObserver((list) => list.getEntries().forEach(take)).observe({ type, buffered: true });
  observe('paint', (entry) => {
    if (entry.name === 'first-contentful-paint') window.marks.firstPaint = entry.startTime;
  });
  observe('largest-contentful-paint', (entry) => {
    window.marks.largestPaint = entry.startTime;
  });
}

/** Its heading is there, and no place waits for what it shows. */
async function untilLoaded(page) {
  await page.getByRole('main').waitFor();
  const isLoading = page.locator('main .animate-pulse');
  const endMs = performance.now() + loadedDeadlineMs;
  while ((await isLoading.count()) > 0) {
    if (performance.now() > endMs) throw new Error(`${page.url()} is still loading`);
    await delay(5);
  }
}

/** @returns {Promise<{ bytes: number, scriptBytes: number, requests: number, firstPaintMs: number, largestPaintMs: number, loadedMs: number }>} */
async function load(page, url) {
  const devtools = await page.context().newCDPSession(page);
  const types = new Map();
  const taken = { bytes: 0, scriptBytes: 0, requests: 0 };
  devtools.on('Network.responseReceived', ({ requestId, type }) => types.set(requestId, type));
  devtools.on('Network.loadingFinished', ({ requestId, encodedDataLength }) => {
    taken.bytes += encodedDataLength;
    taken.requests += 1;
    if (types.get(requestId) === 'Script') taken.scriptBytes += encodedDataLength;
  });
  await devtools.send('Network.enable');
  const beganMs = performance.now();
  await page.goto(url, { waitUntil: 'commit' });
  await untilLoaded(page);
  const loadedMs = performance.now() - beganMs;
  await delay(settledMs);
  const { firstPaint, largestPaint } = await page.evaluate(() => window.marks);
  await devtools.detach();
  return { ...taken, firstPaintMs: firstPaint, largestPaintMs: largestPaint, loadedMs };
}

/** A browser's context of its own has an empty cache; the second load finds what the first one left. */
async function visit(browser, { url, cookies }) {
  const context = await browser.newContext({ viewport, storageState: cookies });
  try {
    await context.addInitScript(note);
    const page = await context.newPage();
    const first = await load(page, url);
    await page.goto('about:blank');
    return { first, again: await load(page, url) };
  } finally {
    await context.close();
  }
}

async function measure(system) {
  const browser = await openBrowser();
  try {
    const context = await browser.newContext({ viewport });
    const { cluster } = await signIn(context, system);
    const cookies = await context.storageState();
    await context.close();
    const paths = ['/', ...below.map((path) => `${cluster}${path}`)];
    const taken = paths.map(() => []);
    for (let round = 0; round < rounds; round += 1)
      for (const [index, path] of paths.entries())
        taken[index].push(await visit(browser, { url: `${system.url}${path}`, cookies }));
    return paths.flatMap((path, index) =>
      ['first', 'again'].map((kind) => ({
        page: path.replace(cluster, '/c/…'),
        kind,
        ...middle(taken[index], kind),
      })),
    );
  } finally {
    await browser.close();
  }
}

function middle(visits, kind) {
  const of = (figure) => median(visits.map((each) => each[kind][figure] ?? Number.NaN));
  const names = ['bytes', 'scriptBytes', 'requests', 'firstPaintMs', 'largestPaintMs', 'loadedMs'];
  return Object.fromEntries(names.map((name) => [name, of(name)]));
}

await withLocalSystem(async (system) => {
  say(`each page ${rounds} times with an empty cache, and again`);
  const rows = await measure(system);
  const kib = (bytes) => Math.round(bytes / 1024);
  printTable(
    [
      'page',
      'visit',
      'KiB in all',
      'of it scripts',
      'requests',
      'first paint ms',
      'largest ms',
      'nothing loads ms',
    ],
    rows.map(({ page, kind, bytes, scriptBytes, requests, ...ms }) => [
      ...[page, kind, kib(bytes), kib(scriptBytes), requests],
      ...[ms.firstPaintMs, ms.largestPaintMs, ms.loadedMs].map((each) => Math.round(each)),
    ]),
  );
  process.stdout.write(`${JSON.stringify({ name: 'first-load', rounds, load: machineLoad(), rows })}\n`);
});
