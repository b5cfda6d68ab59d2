// What the quorum costs: transactions per second of pgbench on a QuantaDB cluster of three against three PostgreSQL servers that were
// set up by hand, with the same settings and the same synchronous_standby_names, in interleaved pairs on one machine, each side freshly
// started and warmed up; and how far behind the standbys of QuantaDB are meanwhile.
//
//   npm run bench -- sync-overhead [pairs=10] [seconds=10] [--own-core]
//
// Only one of the two runs at a time, with everything that belongs to it: the daemons' own work counts, that of all three hosts on one
// machine. With --own-core the primary's host has a core for itself, as a machine of one core would, and the standbys' hosts share the
// others with pgbench. What the daemons use is told per host. Table on stderr, JSON on stdout.

import { execFile } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { credentials, RealCluster } from '../apps/node-daemon/dist/testing/real-cluster.js';
import { pollUntil } from '../packages/engine/dist/shared/deadline.js';
import { intervalOf, machineLoad, median, printTable, quantiles, say } from './lib/figures.mjs';
import { ownSeconds, pin, processesOf } from './lib/processes.mjs';
import { askAsSuperuser } from './lib/quantadb.mjs';
import { inWorkspace } from './lib/workspace.mjs';
import { startPlain } from './peers/plain.mjs';

const run = promisify(execFile);
const hasOwnCore = process.argv.includes('--own-core');
const numbers = process.argv.slice(2).filter((each) => /^\d+$/.test(each));
const pairs = Number(numbers[0] ?? 10);
const seconds = Number(numbers[1] ?? 10);
const pgbench = join(process.env.QUANTADB_POSTGRES_BIN ?? '/usr/lib/postgresql/15/bin', 'pgbench');
const clients = 8;
const scale = 10;
/** Also until the daemons' programs are compiled, as those of a cluster that has run for longer than this are. */
const warmUpSeconds = 15;
const sampleEveryMs = 100;
const names = ['node-1', 'node-2', 'node-3'];
const coreOfPrimary = '0';
const otherCores = `1-${availableParallelism() - 1}`;

/** Where things are, who follows whom, and what only makes sense there. */
const own =
  /^(port|listen_addresses|unix_socket_.*|cluster_name|hba_file|ident_file|config_file|data_directory|external_pid_file|ssl.*|primary_.*|synchronous_standby_names|archive_command|restore_command|archive_cleanup_command|recovery_.*|promote_trigger_file|restart_after_crash)$/;

let quantaDb = null;
let plain = null;

async function settingsOf(cluster) {
  // In base units, which is how they are understood again.
  const rows = await askAsSuperuser(
    cluster,
    names[0],
    "SELECT name, setting FROM pg_settings WHERE source IN ('configuration file', 'command line')",
  );
  const kept = rows.filter(({ name }) => !own.test(name));
  return {
    ...Object.fromEntries(kept.map(({ name, setting }) => [name, setting])),
    archive_command: '/bin/true',
  };
}

async function benchmark(place, seconds_) {
  const { host, port, user, database, password = '' } = place;
  const args = ['-n', '-c', String(clients), '-j', '2', '-T', String(seconds_), '-M', 'simple'];
  const where = ['-h', host, '-p', String(port), '-U', user, database];
  const command = hasOwnCore ? ['taskset', '-c', otherCores, pgbench] : [pgbench];
  const [file, ...before] = command;
  const { stdout } = await run(file, [...before, ...args, ...where], {
    env: { ...process.env, PGPASSWORD: password },
  });
  const tps = Number(/tps = ([\d.]+)/.exec(stdout)?.[1]);
  const failed = Number(/number of failed transactions: (\d+)/.exec(stdout)?.[1] ?? 0);
  if (!(tps > 0) || failed > 0) throw new Error(`pgbench: ${stdout}`);
  return tps;
}

async function fill(place) {
  const { host, port, user, database, password = '' } = place;
  const args = ['-i', '-q', '-s', String(scale), '-h', host, '-p', String(port), '-U', user, database];
  await run(pgbench, args, { env: { ...process.env, PGPASSWORD: password } });
}

/** PostgreSQL's own figures and the product's, while pgbench writes. */
class LagSampler {
  samples = { write: [], flush: [], replay: [], bytes: [], shownMs: [], shownBytes: [] };
  isOver = false;

  constructor(cluster, primary) {
    this.loops = [this.ofPostgres(cluster, primary), this.ofProduct(cluster)];
  }

  async ofPostgres(cluster, primary) {
    const client = await cluster.connect(primary);
    while (!this.isOver) {
      const { rows } = await client.query(
        `SELECT extract(epoch FROM write_lag) * 1000 AS write, extract(epoch FROM flush_lag) * 1000 AS flush,
                extract(epoch FROM replay_lag) * 1000 AS replay, pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn) AS bytes
         FROM pg_stat_replication`,
      );
      for (const row of rows)
        for (const [key, value] of Object.entries(row))
          if (value !== null) this.samples[key].push(Number(value));
      await delay(sampleEveryMs);
    }
    await client.end();
  }

  async ofProduct(cluster) {
    while (!this.isOver) {
      const status = await cluster.status();
      for (const node of status?.nodes ?? []) {
        if (node.role !== 'standby') continue;
        if (node.lagMs !== null) this.samples.shownMs.push(node.lagMs);
        if (node.lagBytes !== null) this.samples.shownBytes.push(node.lagBytes);
      }
      await delay(1000);
    }
  }

  async end() {
    this.isOver = true;
    await Promise.all(this.loops);
    return this.samples;
  }
}

/** The first change of a page after a checkpoint writes the whole page: a restart is one, so both begin with one. */
const checkpoint = 'CHECKPOINT';

async function measureQuantaDb(lags) {
  const status = await quantaDb.until(
    'two standbys count',
    ({ health, nodes }) =>
      health === 'healthy' && nodes.filter((node) => node.sync === 'quorum').length === 2,
  );
  const place = { ...quantaDb.endpoints([status.primary])[0], ...credentials };
  await askAsSuperuser(quantaDb, status.primary, checkpoint);
  giveCores(
    names.map((name) => [name, quantaDb.host(name).directory]),
    status.primary,
  );
  // The sampler costs something itself: it looks while the servers warm up, not while anybody counts.
  const sampler = new LagSampler(quantaDb, status.primary);
  await benchmark(place, warmUpSeconds).finally(() => sampler.end());
  for (const [key, values] of Object.entries(await sampler.end()))
    lags[key] = [...(lags[key] ?? []), ...values];
  const before = names.map((name) => ownSeconds(quantaDb.host(name).directory));
  const tps = await benchmark(place, seconds);
  const used = names.map((name, at) => (ownSeconds(quantaDb.host(name).directory) - before[at]) / seconds);
  return { tps, coresUsed: Object.fromEntries(names.map((name, at) => [name, used[at]])) };
}

/** Which host has which cores, where that was asked for. */
function giveCores(hosts, primary) {
  if (!hasOwnCore) return;
  for (const [name, directory] of hosts)
    pin(processesOf(directory), name === primary ? coreOfPrimary : otherCores);
}

async function measurePlain() {
  // The other one has just started, too.
  await plain.restart();
  await plain.ask(checkpoint);
  giveCores(plain.hosts, plain.primary);
  await benchmark(plain.place, warmUpSeconds);
  return { tps: await benchmark(plain.place, seconds) };
}

/** Nothing of QuantaDB runs while the other one is measured. */
async function stopQuantaDb() {
  await Promise.all(names.map((name) => quantaDb.host(name).client.shutdown('stop')));
  const isGone = async () => (names.every((name) => quantaDb.host(name).daemon === null) ? true : undefined);
  await pollUntil(isGone, { what: 'every daemon has ended', timeoutMs: 60_000, intervalMs: 50 });
}

async function endBoth() {
  await quantaDb?.cleanUp();
  await plain?.stop();
}

await inWorkspace(async (directory) => {
  quantaDb = await RealCluster.create(names);
  await quantaDb.startAll();
  await quantaDb.form(names[0], names.slice(1));
  // The sampler looks at pg_stat_replication.
  await askAsSuperuser(quantaDb, names[0], `GRANT pg_monitor TO ${credentials.user}`);
  plain = await startPlain({ directory: join(directory, 'plain'), settings: await settingsOf(quantaDb) });
  await fill(plain.place);
  await fill({ ...quantaDb.endpoints([names[0]])[0], ...credentials });
  const lags = {};
  const measured = [];
  for (let pair = 0; pair < pairs; pair += 1) {
    const result = {};
    for (const who of pair % 2 === 0 ? ['quantaDb', 'plain'] : ['plain', 'quantaDb']) {
      const isQuantaDb = who === 'quantaDb';
      const isUp = quantaDb.host(names[0]).daemon !== null;
      if (isQuantaDb && !isUp) await quantaDb.startAll();
      if (!isQuantaDb && isUp) await stopQuantaDb();
      result[who] = isQuantaDb ? await measureQuantaDb(lags) : await measurePlain();
    }
    const { quantaDb: ours, plain: theirs } = result;
    const { coresUsed } = ours;
    measured.push({
      ...{ quantaDb: ours.tps, plain: theirs.tps, coresUsed },
      ratio: ours.tps / theirs.tps,
      load: machineLoad(),
    });
    const shares = Object.values(coresUsed).map((share) => `${(share * 100).toFixed(1)} %`);
    say(
      `pair ${pair + 1}: ${Math.round(ours.tps)} / ${Math.round(theirs.tps)} tps; of one core, per host: ${shares.join(', ')}`,
    );
  }
  const ratios = measured.map((each) => each.ratio);
  const interval = intervalOf(ratios);
  const lag = Object.fromEntries(Object.entries(lags).map(([key, values]) => [key, quantiles(values)]));
  printTable(
    ['', 'samples', 'p50', 'p99', 'max'],
    Object.entries(lag).map(([key, each]) => [
      key,
      each.samples,
      ...[each.p50, each.p99, each.max].map((value) => (value === null ? null : value.toFixed(1))),
    ]),
  );
  say(
    `tps ratio: median ${median(ratios).toFixed(3)}, 95 % interval ${interval.map((each) => each.toFixed(3)).join(' – ')}`,
  );
  console.log(
    JSON.stringify({
      bench: 'sync-overhead',
      clients,
      scale,
      seconds,
      hasOwnCore,
      coresUsedMedian: median(measured.flatMap((each) => Object.values(each.coresUsed))),
      median: median(ratios),
      interval,
      pairs: measured,
      lag,
    }),
  );
}, endBoth);
