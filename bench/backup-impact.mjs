// What a backup costs the load it runs beside: pgbench in interleaved blocks with and without full backups from a standby, once
// with as many transactions as the cluster takes, where the loss of transactions counts, and once at half of that, where the
// latency counts (from the moment that each was due, so that one that waits is not left out); and how far the standbys are behind.
//
//   npm run bench -- backup-impact [pairs=8] [seconds=30] [gigabytes=2] [--own-core]
//
// A block with backups has one after the other; how much of its length one of them really ran is told as its cover. All nodes,
// pgbench and pgBackRest share this one machine: a standby on another one takes nothing of the primary's processor or disk, so
// these figures are the upper end. With --own-core the primary's host and pgbench have a core for themselves, as a primary on
// another machine than the backed up standby would; the disk stays shared. The first block of each kind warms up and does not count. Table on stderr, JSON on stdout.

import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { backUpTo, fill, pgbench, work } from './lib/backups.mjs';
import { intervalOf, machineLoad, median, printTable, quantiles, say } from './lib/figures.mjs';
import { pin, processesOf } from './lib/processes.mjs';
import { names, startQuantaDb } from './lib/quantadb.mjs';
import { inWorkspace } from './lib/workspace.mjs';

const hasOwnCore = process.argv.includes('--own-core');
const numbers = process.argv.slice(2).filter((each) => /^\d+$/.test(each));
const [pairs = 8, seconds = 30, gigabytes = 2] = numbers.map(Number);
const coreOfPrimary = '0';
const otherCores = `1-${availableParallelism() - 1}`;
const clients = 8;
const scale = 10;
const shareOfSaturation = 0.5;
const sampleEveryMs = 500;

let subject = null;

const load = (seconds_) => ['-n', '-M', 'simple', '-c', String(clients), '-j', '2', '-T', String(seconds_)];

async function placeOfPrimary() {
  const { address } = (await subject.cluster.status()).nodes.find(({ role }) => role === 'primary');
  const [host, port] = address.split(':');
  return { host, port };
}

/** With --own-core; what a host's processes start later, a backup among it, has the same cores. */
async function giveCores() {
  if (!hasOwnCore) return;
  const primary = await subject.primary();
  for (const name of names)
    pin(processesOf(subject.cluster.host(name).directory), name === primary ? coreOfPrimary : otherCores);
  // pgbench is started by this process.
  pin([{ pid: process.pid }], coreOfPrimary);
}

function tpsOf(stdout) {
  const tps = Number(/tps = ([\d.]+)/.exec(stdout)?.[1]);
  if (tps > 0) return tps;
  throw new Error(`pgbench: ${stdout}`);
}

/**
 * Transactions per second and the 95th percentile in milliseconds, by pgbench's own log of every transaction.
 *
 * @param rate null: as many as it can
 */
async function block(place, directory, rate) {
  mkdirSync(directory);
  const limit = rate === null ? [] : ['-R', String(rate)];
  const fromMs = Date.now();
  const stdout = await pgbench(place, [
    ...load(seconds),
    ...limit,
    '-l',
    '--log-prefix',
    join(directory, 'log'),
  ]);
  const toMs = Date.now();
  const took = readdirSync(directory).flatMap((name) =>
    readFileSync(join(directory, name), 'utf8')
      .split('\n')
      .filter(Boolean)
      .map((line) => Number(line.split(' ')[2]) / 1000),
  );
  rmSync(directory, { recursive: true });
  return { tps: tpsOf(stdout), p95Ms: quantiles(took).p95, fromMs, toMs };
}

/** The share of a block in which a backup ran; between two of them the cluster begins the next. */
function coverOf({ fromMs, toMs }, jobs) {
  const covered = jobs.map(
    ({ startedAtMs, endedAtMs }) => Math.min(toMs, endedAtMs) - Math.max(fromMs, startedAtMs),
  );
  return covered.reduce((sum, ms) => sum + Math.max(0, ms), 0) / (toMs - fromMs);
}

/** One full backup after the other, until nobody wants another one; the last one is finished. */
function backUpAgainAndAgain() {
  let isWanted = true;
  const jobs = [];
  const loop = async () => {
    while (isWanted) jobs.push(await work(subject.cluster, { kind: 'backup', type: 'full' }));
  };
  const ended = loop();
  // It is awaited at the end; until then a failure must not count as nobody's.
  ended.catch(() => undefined);
  return {
    end: async () => {
      isWanted = false;
      await ended;
      return jobs;
    },
  };
}

async function untilBackupRuns() {
  for (;;) {
    const state = (await subject.cluster.host('node-1').client.state()).state;
    if (state?.backup?.job?.state === 'running') return;
    await delay(100);
  }
}

function sampleLag() {
  const bytes = [];
  let isOver = false;
  const loop = async () => {
    while (!isOver) {
      for (const node of (await subject.cluster.status())?.nodes ?? [])
        if (node.role === 'standby' && node.lagBytes !== null) bytes.push(node.lagBytes);
      await delay(sampleEveryMs);
    }
  };
  const ended = loop();
  ended.catch(() => undefined);
  return {
    end: async () => {
      isOver = true;
      await ended;
      return bytes;
    },
  };
}

async function measure(who, place, rate, directory) {
  const backups = who === 'backup' ? backUpAgainAndAgain() : null;
  if (backups) await untilBackupRuns();
  const lag = sampleLag();
  const figures = await block(place, directory, rate);
  const lagBytes = await lag.end();
  const jobs = (await backups?.end()) ?? [];
  if (jobs.some(({ fromStandby }) => !fromStandby)) throw new Error('a backup ran on the primary');
  const { tps, p95Ms } = figures;
  return { tps, p95Ms, lagBytes, backups: jobs.length, cover: coverOf(figures, jobs) };
}

/** One block of each kind, in an order that is turned with every pair. */
async function measurePair(pair, { place, rate, directory }) {
  const result = {};
  for (const who of pair % 2 === 0 ? ['alone', 'backup'] : ['backup', 'alone'])
    result[who] = await measure(who, place, rate, join(directory, `block-${rate ?? 'all'}-${pair}-${who}`));
  return { ...result, load: machineLoad() };
}

await inWorkspace(
  async (directory) => {
    subject = await startQuantaDb({ mode: 'quorum' });
    await backUpTo(subject.cluster, join(directory, 'repository'));
    const client = await subject.connect(await subject.primary());
    const bytes = await fill(client, gigabytes);
    await client.end();
    const place = await placeOfPrimary();
    await pgbench(place, ['-i', '-q', '-s', String(scale)]);
    await subject.untilWell();
    await giveCores();
    const saturation = tpsOf(await pgbench(place, load(Math.max(5, seconds))));
    const rate = Math.max(1, Math.round(saturation * shareOfSaturation));
    say(`${Math.round(saturation)} tps at most: at half of it ${rate} tps are asked for`);
    const measured = { saturated: [], half: [] };
    const rates = { saturated: null, half: rate };
    // Pair 0 warms up.
    for (let pair = 0; pair <= pairs; pair += 1)
      for (const kind of Object.keys(rates)) {
        const result = await measurePair(pair, { place, rate: rates[kind], directory });
        const words = ({ tps, p95Ms }) => `${Math.round(tps)} tps, p95 ${p95Ms.toFixed(1)} ms`;
        const cover = `${Math.round(result.backup.cover * 100)} % covered`;
        say(
          `pair ${pair}, ${kind}: alone ${words(result.alone)}; beside backups ${words(result.backup)}, ${cover}`,
        );
        if (pair > 0) measured[kind].push(result);
      }
    report({ bytes, saturation, rate, measured });
  },
  async () => subject?.stop(),
);

function report({ bytes, saturation, rate, measured }) {
  const percent = (value) => `${(value * 100).toFixed(1)} %`;
  const told = {};
  for (const [kind, blocks] of Object.entries(measured)) {
    const pairedOf = (of) => {
      const values = blocks.map(of);
      return { median: median(values), interval: intervalOf(values) };
    };
    const tpsLoss = pairedOf(({ alone, backup }) => 1 - backup.tps / alone.tps);
    const p95Growth = pairedOf(({ alone, backup }) => backup.p95Ms / alone.p95Ms - 1);
    const lag = Object.fromEntries(
      ['alone', 'backup'].map((who) => [who, quantiles(blocks.flatMap((each) => each[who].lagBytes))]),
    );
    const cover = median(blocks.map(({ backup }) => backup.cover));
    const row = (name, { median: middle, interval }) => [name, percent(middle), ...interval.map(percent)];
    printTable(
      [`${kind}, paired`, 'median', '2.5 %', '97.5 %'],
      [row('loss of tps', tpsLoss), row('growth of p95', p95Growth)],
    );
    printTable(
      ['lag in bytes', 'p50', 'p99', 'max'],
      Object.entries(lag).map(([who, each]) => [who, each.p50, each.p99, each.max]),
    );
    const pairsTold = blocks.map(({ alone, backup, load: busy }) => {
      const of = ({ lagBytes: _, ...figures }) => figures;
      return { alone: of(alone), backup: of(backup), load: busy };
    });
    told[kind] = { tpsLoss, p95Growth, lag, cover, pairs: pairsTold };
  }
  console.log(
    JSON.stringify({
      ...{ bench: 'backup-impact', hasOwnCore, seconds, clients, scale, bytes, saturation, rate, ...told },
    }),
  );
}
