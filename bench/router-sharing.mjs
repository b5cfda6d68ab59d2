// What sharing connections costs those who stand behind something slow: one statement in ten takes 50 ms, and the 99th percentile
// of the others is compared with sharing on and off, in turns through one router. Slow is a statement of its own, or one that is
// quick for other values. `npm run bench -- router-sharing [seconds=4] [rounds=5] [clients=16]`; the ratio aimed at is
// <= 1.2. With twice as many clients the slow ones alone keep all of the pool's 20 servers busy, on and off.

import { cpus } from 'node:os';
import { machineLoad, median, printTable, say } from './lib/figures.mjs';
import { connect, startRouter, startServers } from './lib/router.mjs';
import { inWorkspace } from './lib/workspace.mjs';

const [seconds = 4, rounds = 5, clients = 16] = process.argv.slice(2).map(Number);
const slowShare = 0.1;
const slowMs = 50;
const quick = 'SELECT b FROM looked_up WHERE a = $1';
/** Proven to read, takes its time and no processor. */
const waiting = `CREATE FUNCTION waited(ms int) RETURNS int STABLE LANGUAGE plpgsql
  AS $$ BEGIN IF ms > 0 THEN PERFORM pg_sleep(ms / 1000.0); END IF; RETURN ms; END $$`;

await inWorkspace(async () => {
  const servers = await startServers(0);
  const router = await startRouter(servers, {});
  try {
    const owner = await connect(router.port);
    await owner.query('CREATE TABLE looked_up AS SELECT a, a::text AS b FROM generate_series(1, 10000) a');
    await owner.query('ALTER TABLE looked_up ADD PRIMARY KEY (a)');
    await owner.query(waiting);
    await owner.end();
    const rows = [];
    for (const slow of ['another statement', 'the same statement'])
      for (const protocol of ['simple', 'extended', 'prepared'])
        rows.push(await compare(router, { slow, protocol }));
    print(rows);
  } finally {
    await router.stop();
    await servers.cluster.cleanUp();
  }
});

async function compare(router, how) {
  const taken = { on: [], off: [] };
  const before = router.counters();
  // New connections learn of new functions; nothing of the first round counts.
  await round(router, how, 1);
  for (let turn = 0; turn < rounds; turn += 1)
    for (const sharing of turn % 2 === 0 ? ['on', 'off'] : ['off', 'on']) {
      router.set({ sharing: sharing === 'on' });
      taken[sharing].push(await round(router, how, seconds));
    }
  router.set({});
  const after = router.counters();
  const of = (sharing, name) => median(taken[sharing].map((each) => each[name]));
  const counted = (name) => (after[name] ?? 0) - (before[name] ?? 0);
  say(
    `${how.slow}, ${how.protocol}: p99 ${of('on', 'p99Ms').toFixed(2)} ms on, ${of('off', 'p99Ms').toFixed(2)} ms off`,
  );
  return {
    ...how,
    ...{
      onP99Ms: of('on', 'p99Ms'),
      offP99Ms: of('off', 'p99Ms'),
      onTps: of('on', 'tps'),
      offTps: of('off', 'tps'),
    },
    ratio: of('on', 'p99Ms') / of('off', 'p99Ms'),
    ...{ shared: counted('sharedStatements'), moved: counted('sharedMoved') },
  };
}

async function round(router, { slow, protocol }, forSeconds) {
  const connections = await Promise.all(Array.from({ length: clients }, () => connect(router.port)));
  const latencies = [];
  let all = 0;
  const endMs = performance.now() + forSeconds * 1000;
  const run = async (client) => {
    while (performance.now() < endMs) {
      const isSlow = Math.random() < slowShare;
      const values =
        slow === 'the same statement' || isSlow
          ? [isSlow ? slowMs : 0]
          : [1 + Math.floor(Math.random() * 10_000)];
      const text = slow === 'the same statement' || isSlow ? 'SELECT waited($1)' : quick;
      const sinceMs = performance.now();
      await client.query(inProtocol(protocol, text, values));
      all += 1;
      if (!isSlow) latencies.push(performance.now() - sinceMs);
    }
    await client.end();
  };
  await Promise.all(connections.map(run));
  latencies.sort((left, right) => left - right);
  return { p99Ms: latencies[Math.floor(latencies.length * 0.99)] ?? 0, tps: all / forSeconds };
}

function inProtocol(protocol, text, values) {
  if (protocol === 'simple') return text.replace('$1', String(values[0]));
  return protocol === 'extended' ? { text, values } : { name: text, text, values };
}

function print(rows) {
  printTable(
    ['slow is', 'protocol', 'p99 on', 'p99 off', 'ratio', 'tps on', 'tps off', 'shared', 'moved'],
    rows.map((row) => [
      ...[row.slow, row.protocol, `${row.onP99Ms.toFixed(2)} ms`, `${row.offP99Ms.toFixed(2)} ms`],
      ...[row.ratio.toFixed(2), Math.round(row.onTps), Math.round(row.offTps), row.shared, row.moved],
    ]),
  );
  const told = { name: 'router-sharing', cpus: cpus().length, load: machineLoad(), seconds, rounds, clients };
  process.stdout.write(
    `${JSON.stringify({ ...told, ratioMax: Math.max(...rows.map(({ ratio }) => ratio)), rows })}\n`,
  );
}
