// Adopts a server that plain initdb made and pgbench filled, while clients write. Table on stderr, JSON on stdout: how long no
// write was answered, whether any acknowledged row is missing, and whether every row of pgbench's tables is the same after.
//
//   npm run bench -- adopt [gigabytes=5] [rounds=3]

import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { PlainServer } from '../apps/node-daemon/dist/testing/plain-server.js';
import { credentials, RealCluster } from '../apps/node-daemon/dist/testing/real-cluster.js';
import { machineLoad, monotonicMs, printTable, say, spread } from './lib/figures.mjs';
import { inWorkspace } from './lib/workspace.mjs';
import { Writers } from './lib/writers.mjs';

const [gigabytes = 5, rounds = 3] = process.argv
  .slice(2)
  .filter((each) => /^\d+(\.\d+)?$/.test(each))
  .map(Number);
/** pgbench's page: a scale of 1 is 100,000 rows, about 15 MB. */
const scale = Math.max(1, Math.round((gigabytes * 1000) / 15));
const writersCount = 8;
const beforeMs = 3000;
const afterMs = 3000;

const contentSql = `SELECT md5(string_agg(each::text, ',')) AS content FROM (
  SELECT count(*), sum(hashtextextended(a::text, 0)::numeric) FROM pgbench_accounts a UNION ALL
  SELECT count(*), sum(hashtextextended(b::text, 0)::numeric) FROM pgbench_branches b UNION ALL
  SELECT count(*), sum(hashtextextended(t::text, 0)::numeric) FROM pgbench_tellers t) AS each`;

async function round() {
  const cluster = await RealCluster.create(['node-1']);
  try {
    const { config } = cluster.host('node-1');
    const server = new PlainServer(config);
    await server.create(
      ["shared_buffers = '512MB'", "max_wal_size = '8GB'", "listen_addresses = '127.0.0.1'"],
      ['host all all 127.0.0.1/32 scram-sha-256'],
    );
    await server.start();
    await server.sql(`CREATE ROLE app LOGIN PASSWORD '${credentials.password}'`);
    await server.sql('CREATE DATABASE app OWNER app');
    fill(config);
    return await adopt(cluster);
  } finally {
    await cluster.cleanUp();
  }
}

function fill(config) {
  const { host, port } = config.addresses.postgres;
  const { user, database, password } = credentials;
  const args = [
    '-i',
    '-q',
    '-I',
    'dtGvp',
    '-s',
    String(scale),
    '-h',
    host,
    '-p',
    String(port),
    '-U',
    user,
    database,
  ];
  execFileSync(join(config.binDir, 'pgbench'), args, {
    env: { ...process.env, PGPASSWORD: password },
    stdio: 'ignore',
  });
}

async function adopt(cluster) {
  await cluster.startDaemon('node-1');
  const before = await question(cluster, contentSql);
  const { bytes } = await question(cluster, 'SELECT pg_database_size(current_database())::float8 AS bytes');
  const writers = new Writers({
    ...{
      count: writersCount,
      prefix: 'acks',
      endpoints: cluster.endpoints(['node-1']),
      credentials,
      pauseMs: 2,
    },
  });
  await writers.start();
  await delay(beforeMs);
  const fromMs = monotonicMs();
  const operation = await cluster.run('node-1', { kind: 'adopt-server', cluster: 'bench' });
  const tookMs = monotonicMs() - fromMs;
  await delay(afterMs);
  const pauseMs = writers.longestPauseMs(fromMs - beforeMs / 2, monotonicMs());
  await writers.stop();
  const client = await cluster.connect('node-1');
  const { acknowledged, lost } = await writers.verify(client);
  await client.end();
  const after = await question(cluster, contentSql);
  const steps = operation.steps.map(({ name, startedAtMs, endedAtMs }) => [name, endedAtMs - startedAtMs]);
  return {
    bytes,
    tookMs,
    pauseMs,
    acknowledged,
    lost,
    same: before.content === after.content,
    steps: Object.fromEntries(steps),
  };
}

async function question(cluster, sql) {
  const client = await cluster.connect('node-1');
  try {
    return (await client.query(sql)).rows[0];
  } finally {
    await client.end();
  }
}

await inWorkspace(async () => {
  const results = [];
  for (let number = 1; number <= rounds; number += 1) {
    const result = await round();
    results.push(result);
    say(
      `round ${number}: ${Math.round(result.pauseMs)} ms without a write, ${result.lost} of ${result.acknowledged} lost, ${result.same ? 'the same' : 'DIFFERENT'} data`,
    );
  }
  const pauses = spread(results.map(({ pauseMs }) => pauseMs));
  const lost = results.reduce((sum, each) => sum + each.lost, 0);
  const same = results.every((each) => each.same);
  const heads = ['GB', 'without a write, ms: median', 'max', 'acknowledged', 'lost', 'data'];
  printTable(heads, [
    [
      (results[0].bytes / 1e9).toFixed(2),
      String(pauses.median),
      String(pauses.max),
      String(results.reduce((sum, each) => sum + each.acknowledged, 0)),
      String(lost),
      same ? 'the same' : 'DIFFERENT',
    ],
  ]);
  console.log(JSON.stringify({ load: machineLoad(), results }));
  if (lost > 0 || !same) process.exitCode = 1;
});
