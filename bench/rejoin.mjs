// Kills the primary's host with writes that nobody else has, lets another node take over, and starts the old one's daemon
// again: seconds until it streams, rewound; next to the same node started over from a full clone. Prints JSON; a ratio
// above 1 means that the rewind is faster. Arguments: gigabytes, rounds.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { killPrimaryAhead } from '../apps/node-daemon/dist/testing/former-primary.js';
import { RealCluster } from '../apps/node-daemon/dist/testing/real-cluster.js';

const gigabytes = Number(process.argv[2] ?? 1);
const rounds = Number(process.argv[3] ?? 3);
const cluster = await RealCluster.create(['node-1', 'node-2', 'node-3']);

/** From the start of its daemon on. */
async function secondsUntilStreaming(name) {
  const startMs = performance.now();
  await cluster.startDaemon(name);
  for (;;) {
    const report = await cluster.host(name).client.node();
    if (report.role === 'standby' && report.state === 'streaming')
      return (performance.now() - startMs) / 1000;
    if (performance.now() - startMs > 600_000)
      throw new Error(`${name} is ${report.state}: ${report.detail}`);
    await delay(20);
  }
}

async function lastEvent(words) {
  const { primary } = await cluster.status();
  const events = await cluster.host(primary).client.events(0);
  return events.findLast((event) => words.test(event.message))?.message ?? null;
}

try {
  await cluster.startAll();
  await cluster.form('node-1', ['node-2', 'node-3']);
  const { name: first } = await cluster.primary();
  const client = await cluster.connect(first);
  await client.query('CREATE TABLE bulk (id bigint, filler text)');
  const rowsPerGigabyte = 1_040_000;
  await client.query(
    `INSERT INTO bulk SELECT n, repeat(md5(n::text), 31) FROM generate_series(1, ${Math.round(rowsPerGigabyte * gigabytes)}) n`,
  );
  const { rows } = await client.query('SELECT sum(pg_database_size(datname)) AS bytes FROM pg_database');
  await client.end();
  await cluster.untilHealthy();
  const rewound = [];
  const cloned = [];
  const words = [];
  for (let round = 0; round < rounds; round += 1) {
    const old = await killPrimaryAhead(cluster);
    await cluster.until('another primary', (status) => status.primary !== null && status.primary !== old);
    rewound.push(await secondsUntilStreaming(old));
    await cluster.untilHealthy();
    words.push(await lastEvent(new RegExp(`^${old} was rewound`)));
    await cluster.killNode(old);
    const marker = join(cluster.host(old).config.stateDir, 'incoming.json');
    await writeFile(marker, JSON.stringify({ what: 'a benchmark', startedAtMs: 0 }));
    cloned.push(await secondsUntilStreaming(old));
    await cluster.untilHealthy();
  }
  const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
  console.log(
    JSON.stringify({
      bytes: Number(rows[0].bytes),
      rewoundSeconds: rewound.map((s) => Number(s.toFixed(2))),
      clonedSeconds: cloned.map((s) => Number(s.toFixed(2))),
      ratio: Number((median(cloned) / median(rewound)).toFixed(3)),
      events: words,
    }),
  );
} finally {
  await cluster.cleanUp();
}
process.exit(0);
