// pgbench straight to PostgreSQL, through the router, and through whichever of PgBouncer, HAProxy and pgpool-II is installed,
// one after the other on one machine, in turns.
//
//   npm run bench -- router [seconds=4] [rounds=3] [clients=1,16,64] [workloads=select,tpcb] [protocols=simple,extended,prepared]
//                           [split=off] [idle=1000]
//
// Throughput first; then latency where no route is saturated: one client, and 16 at a rate that is 30 % of what a direct
// connection manages. Table on stderr, JSON on stdout.

import { execFile } from 'node:child_process';
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { machineLoad, median, printTable, say } from './lib/figures.mjs';
import { application, startRouter, startServers } from './lib/router.mjs';
import { inWorkspace } from './lib/workspace.mjs';
import { openHaproxy, openPgBouncer, openPgpool } from './peers/poolers.mjs';

const execute = promisify(execFile);
const given = (name, usual) =>
  process.argv.find((each) => each.startsWith(`${name}=`))?.slice(name.length + 1) ?? usual;
const seconds = Number(given('seconds', '4'));
const rounds = Number(given('rounds', '3'));
const clientCounts = given('clients', '1,16,64').split(',').map(Number);
const workloads = given('workloads', 'select').split(',');
const protocols = given('protocols', 'simple,extended,prepared').split(',');
const splits = given('split', 'off') === 'on';
const idleCount = Number(given('idle', '1000'));
/** Of every pooler. */
const poolSize = 12;
const clientsMax = Math.max(...clientCounts, 16);
const latencyClients = 16;
const latencyShare = 0.3;
const scripts = { select: 'select-only', tpcb: 'tpcb-like' };

/** @type {((place: object) => Promise<import('./peers/poolers.mjs').Route | null>)[]} */
const openers = [
  openRouter,
  ({ servers }) => (splits ? openSplitRouter(servers) : null),
  openPgBouncer,
  openHaproxy,
  (place) => openPgpool(place),
  (place) => (splits ? openPgpool(place, true) : null),
];

/** PgBouncer before 1.21 knows no prepared statements in transaction mode. */
const isAble = (route, protocol) => route.name !== 'pgbouncer' || protocol !== 'prepared';

await inWorkspace(async (directory) => {
  const servers = await startServers(splits ? 2 : 0, { max_connections: String(3 * clientsMax + 100) });
  const stops = [];
  try {
    const { port } = servers.primary.place;
    await pgbench({ port }, ['-i', '-q', '-s', '10']);
    const routes = [{ name: 'direct', port, pid: null }];
    for (const open of openers) {
      const route = await open({ directory, servers, poolSize, clientsMax });
      if (!route) continue;
      routes.push(route);
      stops.push(route.stop);
    }
    const rows = [];
    const latencies = [];
    for (const workload of workloads)
      for (const protocol of protocols) {
        for (const clients of clientCounts) {
          const taken = await measure(routes, { workload, protocol, clients });
          const words = taken.map(({ name, tps }) => `${name} ${Math.round(tps)}`);
          say(`${workload}, ${protocol}, ${clients} clients, tps: ${words.join(', ')}`);
          rows.push(...taken);
        }
        latencies.push(...(await measureLatency(directory, routes, { workload, protocol }, rows)));
      }
    print(rows);
    printLatencies(latencies);
    const ours = routes.find(({ name }) => name === 'quantadb');
    const memory = idleCount > 0 ? await idleClients(ours, idleCount) : null;
    const told = memory === null ? '' : `memory per idle client of ${idleCount}: ${memory.toFixed(1)} KiB; `;
    say(`${told}one-minute load ${machineLoad()}`);
    const how = { name: 'router', cpus: cpus().length, load: machineLoad(), seconds, rounds, splits };
    process.stdout.write(
      `${JSON.stringify({ ...how, rows, latencies, idleCount, idleClientKib: memory })}\n`,
    );
  } finally {
    for (const stop of stops.reverse()) await stop();
    await servers.cluster.cleanUp();
  }
});

async function openRouter({ servers }) {
  return { name: 'quantadb', ...(await startRouter(servers, { poolSize, clientsMax: 20_000 })) };
}

async function openSplitRouter(servers) {
  const router = await startRouter(servers, { poolSize });
  return { ...router, name: 'quantadb split', options: '-c quantadb.split=on' };
}

/** All routes in turns, so that a busy moment of the machine meets all of them; the median counts. */
async function measure(routes, { workload, protocol, clients }) {
  const samples = routes.map(() => []);
  for (let round = 0; round < rounds; round += 1) {
    for (const [index, route] of routes.entries()) {
      if (!isAble(route, protocol)) continue;
      const before = cpuMs(route.pid);
      const taken = await timed(route, { workload, protocol, clients }, []);
      // A machine so busy that not even the connections were made in time says nothing.
      if (!(taken.statements > 0)) continue;
      const cpuMicros = route.pid === null ? null : ((cpuMs(route.pid) - before) * 1000) / taken.statements;
      samples[index].push({ ...taken, cpuMicros });
    }
  }
  return routes.flatMap(({ name }, index) => {
    const taken = samples[index];
    if (taken.length === 0) return [];
    const of = (figure) => median(taken.map((each) => each[figure]));
    const spread = taken.map(({ tps }) => Math.round(tps)).sort((left, right) => left - right);
    const cpuMicros = taken[0].cpuMicros === null ? null : of('cpuMicros');
    const row = { tps: of('tps'), latencyMs: of('latencyMs'), cpuMicros, tpsMin: spread[0] };
    return [{ name, workload, protocol, clients, ...row, tpsMax: spread.at(-1) }];
  });
}

async function timed(route, { workload, protocol, clients }, more) {
  // It prepares a statement by waiting for it: in one thread, those in the middle of a transaction would keep all servers from it.
  const threads = workload === 'tpcb' && protocol === 'prepared' ? clients : 1;
  const args = ['-n', '-b', scripts[workload], '-M', protocol, '-c', String(clients), '-j', String(threads)];
  // Logging in counts as well, and takes its time with hundreds of them.
  const duration = seconds + Math.floor(clients / 40);
  const text = await pgbench(route, [...args, '-T', String(duration), ...more]);
  await delay(300);
  const number = (form) => Number(form.exec(text)?.[1] ?? Number.NaN);
  return {
    statements: number(/actually processed: (\d+)/),
    tps: number(/tps = ([\d.]+)/),
    latencyMs: number(/latency average = ([\d.]+)/),
  };
}

/** Open loop for the sixteen: a transaction's time counts from the moment at which it was to begin. */
async function measureLatency(directory, routes, { workload, protocol }, rows) {
  const direct = rows.filter((row) => row.name === 'direct' && row.workload === workload);
  const fastest = Math.max(...direct.filter((row) => row.protocol === protocol).map(({ tps }) => tps));
  const rate = Math.round(fastest * latencyShare);
  const measured = [];
  for (const { clients, more } of [
    { clients: 1, more: [] },
    { clients: latencyClients, more: ['-R', String(rate)] },
  ]) {
    const taken = routes.map(() => []);
    for (let round = 0; round < rounds; round += 1)
      for (const [index, route] of routes.entries()) {
        if (!isAble(route, protocol)) continue;
        const log = ['-l', '--log-prefix', join(directory, 'latency')];
        await timed(route, { workload, protocol, clients }, [...more, ...log]);
        taken[index].push(percentiles(directory));
      }
    for (const [index, { name }] of routes.entries()) {
      const own = taken[index];
      if (own.length === 0) continue;
      const of = (figure) => median(own.map((each) => each[figure]));
      const at = clients === 1 ? null : rate;
      measured.push({ name, workload, protocol, clients, rate: at, p50Ms: of('p50Ms'), p99Ms: of('p99Ms') });
    }
  }
  return measured;
}

/** Of the log that pgbench has just written: the third column is the time of a transaction in microseconds. */
function percentiles(directory) {
  const files = readdirSync(directory).filter((each) => each.startsWith('latency.'));
  const times = files
    .flatMap((file) => readFileSync(join(directory, file), 'utf8').split('\n'))
    .flatMap((line) => (line === '' ? [] : [Number(line.split(' ')[2])]))
    .sort((left, right) => left - right);
  for (const file of files) rmSync(join(directory, file));
  const at = (share) => (times[Math.floor(times.length * share)] ?? Number.NaN) / 1000;
  return { p50Ms: at(0.5), p99Ms: at(0.99) };
}

/** Without TLS, which not every route offers: encryption would be most of what is measured. */
async function pgbench({ port, options = '' }, args) {
  const env = {
    ...process.env,
    PGPASSWORD: application.password,
    PGSSLMODE: 'disable',
    PGOPTIONS: options,
  };
  const command = ['-h', '127.0.0.1', '-p', String(port), '-U', 'app', ...args, 'app'];
  return (await execute('pgbench', command, { env, timeout: 120_000, maxBuffer: 1 << 26 })).stdout;
}

/** Of a process and of its children, those that have ended included. */
function cpuMs(pid) {
  if (pid === null) return 0;
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const own = fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks), 0) * 10;
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean);
  return children.reduce((sum, child) => sum + cpuMs(Number(child)), own);
}

/** What a logged-in client that says nothing costs, in KiB of resident memory. */
async function idleClients(route, count) {
  const { default: pg } = await import('pg');
  const rss = () => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${route.pid}/status`, 'utf8'))?.[1]);
  const before = rss();
  const clients = [];
  for (let done = 0; done < count; done += 50) {
    const more = Array.from({ length: 50 }, () => {
      const { role: user, database, password } = application;
      return new pg.Client({ host: '127.0.0.1', port: route.port, user, database, password });
    });
    await Promise.all(more.map((client) => client.connect()));
    clients.push(...more);
  }
  await delay(2000);
  const kib = (rss() - before) / count;
  await Promise.all(clients.map((client) => client.end()));
  return kib;
}

function isBeside(row) {
  return (each) =>
    each.workload === row.workload && each.protocol === row.protocol && each.clients === row.clients;
}

function print(rows) {
  const heads = ['workload', 'protocol', 'clients', 'route', 'tps', 'lowest', 'highest', 'of direct'];
  printTable(
    [...heads, 'of PgBouncer', 'µs of CPU each'],
    rows.map((row) => {
      const beside = (name) => rows.filter(isBeside(row)).find((each) => each.name === name)?.tps;
      const share = (tps) => (tps ? (row.tps / tps).toFixed(2) : null);
      return [
        ...[row.workload, row.protocol, row.clients, row.name, Math.round(row.tps), row.tpsMin, row.tpsMax],
        ...[share(beside('direct')), share(beside('pgbouncer'))],
        row.cpuMicros === null ? null : Math.round(row.cpuMicros),
      ];
    }),
  );
}

function printLatencies(rows) {
  printTable(
    ['workload', 'protocol', 'clients', 'per s', 'route', 'p50 ms', 'added', 'p99 ms', 'added'],
    rows.map((row) => {
      const direct = rows.filter(isBeside(row)).find(({ name }) => name === 'direct');
      const added = (figure) => (row[figure] - direct[figure]).toFixed(3);
      return [
        ...[row.workload, row.protocol, row.clients, row.rate, row.name],
        ...[row.p50Ms.toFixed(3), added('p50Ms'), row.p99Ms.toFixed(3), added('p99Ms')],
      ];
    }),
  );
}
