// What a page of a cluster costs the browser that leaves it open: JavaScript's heap after a collection, nodes of the document and
// listeners, looked at each minute on a real local system that writes a little.
//
//   npm run bench -- page-open [minutes=30] [path=]        (path below /c/<cluster>, such as replication)
//
// Charts remember twenty minutes, so the heap grows until then: the trend counts over the last third of the time. Table on stderr,
// JSON on stdout.

import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { machineLoad, printTable, say } from './lib/figures.mjs';
import { openBrowser, signIn, withLocalSystem } from './lib/local-console.mjs';

const given = Object.fromEntries(process.argv.slice(2).map((each) => each.split('=')));
const minutes = Number(given.minutes ?? 30);
const path = given.path ?? '';
const megabyte = 1024 * 1024;
const writeEveryMs = 200;
const measures = { heapMegabytes: 'JSHeapUsedSize', nodes: 'Nodes', listeners: 'JSEventListeners' };

async function openPage(browser, system) {
  const context = await browser.newContext({ viewport: { width: 1360, height: 900 } });
  const { page, cluster } = await signIn(context, system);
  if (path) await page.goto(`${system.url}${cluster}/${path}`);
  await page.getByRole('main').waitFor();
  return page;
}

async function look(devtools, minute) {
  await devtools.send('HeapProfiler.collectGarbage');
  const { metrics } = await devtools.send('Performance.getMetrics');
  const found = Object.fromEntries(metrics.map(({ name, value }) => [name, value]));
  const sample = Object.fromEntries(Object.entries(measures).map(([name, of]) => [name, found[of]]));
  return { minute, ...sample, heapMegabytes: Number((sample.heapMegabytes / megabyte).toFixed(2)) };
}

/** Least squares: so much more each hour. */
function slopePerHour(samples, name) {
  const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [x, y] = [mean(samples.map(({ minute }) => minute)), mean(samples.map((sample) => sample[name]))];
  const spread = samples.reduce((sum, { minute }) => sum + (minute - x) ** 2, 0);
  const common = samples.reduce((sum, sample) => sum + (sample.minute - x) * (sample[name] - y), 0);
  return spread === 0 ? null : Number(((common / spread) * 60).toFixed(2));
}

async function write({ quantadb }) {
  const { postgres } = JSON.parse(await quantadb('status', '--json')).clusters[0].nodes.find(
    ({ role }) => role === 'primary',
  );
  const client = new pg.Client({ connectionString: postgres });
  client.on('error', () => undefined);
  await client.connect();
  await client.query('CREATE TABLE IF NOT EXISTS noted (at timestamptz DEFAULT now(), filler text)');
  let isDue = true;
  const done = (async () => {
    while (isDue) {
      await client.query("INSERT INTO noted (filler) VALUES (repeat('x', 1000))");
      await delay(writeEveryMs);
    }
    await client.end();
  })();
  return async () => {
    isDue = false;
    await done;
  };
}

async function watch(system) {
  const browser = await openBrowser();
  const endWriting = await write(system);
  try {
    const page = await openPage(browser, system);
    const devtools = await page.context().newCDPSession(page);
    await devtools.send('HeapProfiler.enable');
    await devtools.send('Performance.enable');
    const samples = [];
    const beganMs = performance.now();
    for (let minute = 0; minute <= minutes; minute += 1) {
      await delay(Math.max(0, beganMs + minute * 60_000 - performance.now()));
      samples.push(await look(devtools, minute));
      const { heapMegabytes, nodes, listeners } = samples.at(-1);
      say(`minute ${minute}: ${heapMegabytes} MB, ${nodes} nodes, ${listeners} listeners`);
    }
    return { page: new URL(page.url()).pathname.replace(/^\/c\/[^/]+/, '/c/…'), samples };
  } finally {
    await endWriting();
    await browser.close();
  }
}

function show({ page, samples }) {
  const last = samples.slice(-Math.max(2, Math.ceil(samples.length / 3)));
  const rows = Object.keys(measures).map((name) => {
    const values = samples.map((sample) => sample[name]);
    return {
      ...{ name, first: values[0], last: values.at(-1), max: Math.max(...values) },
      ...{ perHour: slopePerHour(samples, name), perHourLastThird: slopePerHour(last, name) },
    };
  });
  printTable(
    [`${page}, ${minutes} minutes`, 'first', 'last', 'max', 'per hour', 'of the last third'],
    rows.map(({ name, ...values }) => [name, ...Object.values(values)]),
  );
  process.stdout.write(`${JSON.stringify({ page, minutes, rows, samples, load: machineLoad() })}\n`);
}

await withLocalSystem(async (system) => {
  say(`a page is left open for ${minutes} minutes`);
  show(await watch(system));
});
