// What clients of the router notice of a switchover, of rolling updates, and of the loss of the primary's host: errors by their class, the
// longest that a statement was held up, rows that are missing or stored twice, results that cannot be. A quarter of the clients
// each inserts with a prepared statement, holds transactions of 200 ms, writes and reads its own write, and reads through a cursor.
//
//   npm run bench -- router-failover [rounds=20] [clients=64] [--only=<words of a row>] [--think=<ms>]
//
// Clients that think for so long between their pieces of work leave the machine some room; without it they saturate a small one, and
// every statement waits for its turn with or without a switchover (told as the longest of the second before).
// The clients' routers are on hosts of their own, which stay. Table on stderr, JSON on stdout; ends with 1 when something was lost, stored
// twice or wrong, or when a client saw more of a switchover than a pause.

import { setTimeout as delay } from 'node:timers/promises';
import { credentials, RealCluster } from '../apps/node-daemon/dist/testing/real-cluster.js';
import { machineLoad, median, monotonicMs, printTable, say } from './lib/figures.mjs';
import { errorsOf, longestHeldMs, RouterClient, tableSql, verify } from './lib/router-clients.mjs';
import { inWorkspace } from './lib/workspace.mjs';

const numbers = process.argv.slice(2).filter((each) => /^\d+$/.test(each));
const rounds = Number(numbers[0] ?? 20);
const clientsCount = Number(numbers[1] ?? 64);
const thinkMs = Number(
  process.argv.find((each) => each.startsWith('--think='))?.slice('--think='.length) ?? 0,
);
const only = process.argv.find((each) => each.startsWith('--only='))?.slice('--only='.length) ?? '';
const names = ['node-1', 'node-2', 'node-3'];
const edges = ['edge-1', 'edge-2'];
const settleMs = 1000;
/** A statement that took so much longer than its own work was held up by the switchover. */
const heldAtLeastMs = 250;

let cluster = null;

const run = async (request) => cluster.run((await cluster.primary()).name, request);

/** `isQuiet`: no client may notice more than a pause. */
const rows = [
  { name: 'switchover', isQuiet: true, act: () => run({ kind: 'switchover', to: null }) },
  { name: 'rolling restart', isQuiet: true, act: () => run({ kind: 'rolling-restart' }) },
  { name: 'replace every daemon', isQuiet: true, act: () => run({ kind: 'restart-daemons' }) },
  { name: 'host loss', isQuiet: false, act: loseHost },
];

async function loseHost() {
  const { name } = await cluster.primary();
  await cluster.killNode(name);
  await cluster.until('another primary', ({ primary }) => primary !== null && primary !== name);
  await delay(settleMs);
  await cluster.startDaemon(name);
}

async function asOwner(work) {
  const client = await cluster.connect((await cluster.primary()).name);
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

async function measure(row) {
  await cluster.untilHealthy();
  await cluster.until('every router', ({ routers }) => routers.length >= edges.length);
  await asOwner((client) => client.query(tableSql));
  const clients = Array.from({ length: clientsCount }, (_, id) => {
    const first = id % edges.length;
    const places = [...edges.slice(first), ...edges.slice(0, first)].map((edge) => {
      return { host: '127.0.0.1', port: cluster.host(edge).config.router.port, ...credentials };
    });
    return new RouterClient({ id, places, thinkMs });
  });
  await Promise.all(clients.map((client) => client.start()));
  await delay(settleMs);
  const usualMs = longestHeldMs(clients, monotonicMs() - settleMs / 2);
  const sinceMs = monotonicMs();
  const operation = await row.act();
  await delay(settleMs);
  const heldMs = longestHeldMs(clients, sinceMs - settleMs / 2);
  const stages =
    row.name === 'switchover' ? stagesOf(operation, (await cluster.status()).failover, clients) : [];
  await cluster.untilHealthy();
  await Promise.all(clients.map((client) => client.stop()));
  const totals = await asOwner((client) => verify(clients, client));
  return { name: row.name, heldMs, usualMs, stages, errors: errorsOf(clients), ...totals };
}

/** Where the time of a switchover went: ms from when routers began to hold statements, by the hosts' clocks. */
function stagesOf({ steps }, failover, clients) {
  const fromMs = steps.find(({ name }) => name === 'Stop the primary cleanly')?.startedAtMs ?? 0;
  const operation = steps.map(({ name, endedAtMs }) => ({ what: name, atMs: endedAtMs - fromMs }));
  const reign = (failover?.steps ?? []).map(({ state, atMs }) => ({ what: state, atMs: atMs - fromMs }));
  const toThisMs = Date.now() - monotonicMs() - fromMs;
  const ends = clients
    .flatMap(({ held }) => held.filter((each) => each.heldMs > heldAtLeastMs))
    .map(({ atMs, heldMs }) => atMs + heldMs + toThisMs)
    .sort((left, right) => left - right);
  const answers = ['first', 'last'].map((which, at) => ({
    what: `${which} answer`,
    atMs: ends.at(-at) ?? 0,
  }));
  return [...operation, ...reign, ...answers]
    .filter(({ atMs }) => atMs > 0)
    .sort((left, right) => left.atMs - right.atMs);
}

function tell({ name, heldMs, usualMs, stages, errors, lost, twice, wrong }) {
  say(
    `${name}: held up to ${Math.round(heldMs)} ms (${Math.round(usualMs)} before), ${lost} lost, ${twice} twice, ${wrong} wrong`,
  );
  if (stages.length > 0)
    say(`  ${stages.map(({ what, atMs }) => `${Math.round(atMs)} ${what}`).join(' · ')}`);
  for (const [what, times] of errors) say(`  ${times} × ${what}`);
}

function print(results) {
  const heads = ['event', 'rounds', 'held, ms: median', 'max', 'errors', 'acknowledged', 'in doubt'];
  printTable(
    [...heads, 'untrue', 'lost', 'twice', 'wrong'],
    rows.flatMap(({ name }) => {
      const own = results.filter((each) => each.name === name);
      if (own.length === 0) return [];
      const held = own.map(({ heldMs }) => heldMs);
      const sum = (key) => own.reduce((total, each) => total + each[key], 0);
      const errors = own.flatMap((each) => each.errors).reduce((total, [, times]) => total + times, 0);
      return [
        [
          ...[name, own.length, Math.round(median(held)), Math.round(Math.max(...held)), errors],
          ...['acknowledged', 'inDoubt', 'untrue', 'lost', 'twice', 'wrong'].map(sum),
        ],
      ];
    }),
  );
}

await inWorkspace(
  async () => {
    cluster = await RealCluster.create([...names, ...edges], { routerHosts: edges, isSupervised: true });
    await cluster.startAll();
    await cluster.form('node-1', [...names.slice(1), ...edges]);
    const results = [];
    for (const row of rows.filter(({ name }) => name.includes(only)))
      for (let round = 1; round <= rounds; round += 1) {
        const result = await measure(row);
        results.push({ ...result, isQuiet: row.isQuiet });
        tell(result);
      }
    print(results);
    console.log(
      JSON.stringify({ bench: 'router-failover', load: machineLoad(), clientsCount, thinkMs, results }),
    );
    const isBroken = ({ lost, twice, wrong, untrue, isQuiet, errors }) =>
      lost + twice + wrong + untrue > 0 || (isQuiet && errors.length > 0);
    if (results.some(isBroken)) process.exitCode = 1;
  },
  async () => cluster?.cleanUp(),
);
