// Other people's drivers in the middle of a transaction with prepared statements, a cursor, a COPY and LISTEN while the daemon
// of their router is replaced. `npm run bench -- router-daemon [rounds=3]`. Ends with an error when a connection was lost.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { credentials, RealCluster } from '../apps/node-daemon/dist/testing/real-cluster.js';
import { pollUntil } from '../packages/engine/dist/shared/deadline.js';
import { inWorkspace } from './lib/workspace.mjs';

const rounds = Number(process.argv.find((each) => each.startsWith('rounds='))?.slice(7) ?? 3);
const scripts = fileURLToPath(new URL('./drivers/', import.meta.url));
/** As Debian has them. */
const python = '/usr/bin/python3';
const jdbc = '/usr/share/java/postgresql.jar';
const node = 'node-2';
const driverDeadlineMs = 60_000;

const drivers = {
  pg: [process.execPath, `${scripts}middle.mjs`],
  'psycopg 3': [python, `${scripts}middle.py`],
  ...(existsSync(jdbc) ? { JDBC: ['java', '-cp', jdbc, `${scripts}Middle.java`] } : {}),
};

const ways = {
  replaced: (cluster) => restart(cluster, 'SIGTERM'),
  killed: (cluster) => restart(cluster, 'SIGKILL'),
  'replaced, with another number of router processes': async (cluster) => {
    const file = `${cluster.host(node).directory}/host.json`;
    const config = JSON.parse(readFileSync(file, 'utf8'));
    const workers = config.router.workers === 2 ? 1 : 2;
    writeFileSync(file, JSON.stringify({ ...config, router: { ...config.router, workers } }));
    await restart(cluster, 'SIGTERM');
  },
};

await inWorkspace(async () => {
  const cluster = await RealCluster.create(['node-1', 'node-2', 'node-3'], { routers: true });
  const results = [];
  try {
    await cluster.startAll();
    await cluster.form('node-1', ['node-2', 'node-3']);
    await cluster.until('three routers', ({ routers }) => routers.length === 3);
    const client = await cluster.connect('node-1');
    await client.query('CREATE TABLE middle (who text, n int)');
    await client.end();
    for (let round = 1; round <= rounds; round += 1)
      for (const [way, replace] of Object.entries(ways))
        results.push(...(await during(cluster, { round, way, replace })));
  } finally {
    await cluster.cleanUp();
  }
  const lost = results.filter(({ result }) => result !== 'kept').length;
  process.stdout.write(
    `${JSON.stringify({ name: 'router-daemon', tried: results.length, lost, results })}\n`,
  );
  if (lost > 0) process.exitCode = 1;
});

/** All drivers at once, each with four or five connections. */
async function during(cluster, { round, way, replace }) {
  const running = await Promise.all(Object.entries(drivers).map((each) => start(cluster, each)));
  await replace(cluster);
  const results = await Promise.all(
    running.map(async ({ name, goOn }) => ({ round, way, name, result: await goOn() })),
  );
  for (const each of results) process.stderr.write(`${JSON.stringify(each)}\n`);
  return results;
}

async function start(cluster, [name, [program, ...args]]) {
  const { user, password, database } = credentials;
  const port = String(cluster.host(node).config.router.port);
  const place = {
    PGHOST: '127.0.0.1',
    PGPORT: port,
    PGUSER: user,
    PGPASSWORD: password,
    PGDATABASE: database,
  };
  const child = spawn(program, args, { env: { ...process.env, ...place }, timeout: driverDeadlineMs });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => (said += data));
  const ended = once(child, 'close');
  const isThere = async () => said.includes('middle\n') || child.exitCode !== null || undefined;
  await pollUntil(isThere, { what: `${name} is in the middle`, timeoutMs: driverDeadlineMs, intervalMs: 20 });
  const goOn = async () => {
    child.stdin.end('\n');
    const [code] = await ended;
    return code === 0 ? 'kept' : said.slice(-500);
  };
  return { name, goOn };
}

async function restart(cluster, signal) {
  const host = cluster.host(node);
  host.daemon?.kill(signal);
  const what = { what: 'the daemon has ended', timeoutMs: 10_000, intervalMs: 20 };
  await pollUntil(async () => host.daemon === null || undefined, what);
  await cluster.startDaemon(node);
}
