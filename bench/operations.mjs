// What each operation costs the writers of a cluster: milliseconds in which no write was answered, around every operation of a node's
// life, with 8 writers. Table on stderr, JSON on stdout; ends with 1 when an acknowledged row is missing.
//
//   npm run bench -- operations [rounds=3] [--only=<words of a row>]

import { cpSync, mkdirSync, symlinkSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { credentials, RealCluster } from '../apps/node-daemon/dist/testing/real-cluster.js';
import { machineLoad, median, monotonicMs, printTable, say } from './lib/figures.mjs';
import { inWorkspace } from './lib/workspace.mjs';
import { Writers } from './lib/writers.mjs';

const rounds = Number(process.argv.slice(2).find((each) => /^\d+$/.test(each)) ?? 3);
const only = process.argv.find((each) => each.startsWith('--only='))?.slice('--only='.length) ?? '';
const names = ['node-1', 'node-2', 'node-3'];
const writersCount = 8;
const marginMs = 500;
/** A longer one, where none was wanted, is told with what the cluster said meanwhile. */
const remarkableMs = 300;

let cluster = null;

const hostOf = (name) => {
  const { addresses, kind } = cluster.host(name).config;
  return { name, addresses, kind };
};
const standby = async () => {
  const { nodes, primary } = await cluster.untilHealthy();
  return nodes.find(({ name, kind }) => kind === 'data' && name !== primary && name !== 'spare-1').name;
};

/** Each is one request; the first word of a row says what people call it. */
const rows = [
  { name: 'nothing (two seconds)', expected: 'none', run: () => delay(2000) },
  { name: 'add a node', expected: 'none', request: () => ({ kind: 'add-node', host: hostOf('spare-1') }) },
  { name: 'remove a node', expected: 'none', request: () => ({ kind: 'remove-node', node: 'spare-1' }) },
  {
    name: 'replace a node',
    expected: 'none',
    request: async () => ({ kind: 'replace-node', node: await standby(), host: hostOf('spare-1') }),
    undo: (request) => run({ kind: 'replace-node', node: 'spare-1', host: hostOf(request.node) }),
  },
  {
    name: 'maintenance on',
    expected: 'none',
    request: async () => ({ kind: 'set-maintenance', node: await standby(), on: { minutes: 5 } }),
    undo: (request) => run({ ...request, on: null }),
  },
  {
    name: 'set priority',
    expected: 'none',
    request: async () => ({ kind: 'set-node', node: await standby(), change: { priority: 50 } }),
  },
  {
    name: 'change a parameter',
    expected: 'none',
    request: () => ({ kind: 'set-parameters', parameters: { work_mem: '8MB' } }),
    undo: () => run({ kind: 'set-parameters', parameters: { work_mem: null } }),
  },
  {
    name: 'change the durability',
    expected: 'none',
    request: () => durability('all'),
    undo: () => run(durability('quorum')),
  },
  {
    name: 'restart a standby',
    expected: 'none',
    request: async () => ({ kind: 'restart-node', node: await standby() }),
  },
  {
    name: 'reinitialise a standby',
    expected: 'none',
    request: async () => ({ kind: 'reinitialise-node', node: await standby() }),
  },
  { name: 'switchover', expected: 'one switchover', request: () => ({ kind: 'switchover', to: null }) },
  { name: 'rolling restart', expected: 'one switchover', request: () => ({ kind: 'rolling-restart' }) },
  {
    name: 'upgrade PostgreSQL',
    expected: 'one switchover',
    request: (round) => ({ kind: 'upgrade-postgres', directory: otherPrograms(round) }),
  },
  { name: 'replace every daemon', expected: 'none', request: () => ({ kind: 'restart-daemons' }) },
];

function durability(mode) {
  return { kind: 'set-durability', durability: { mode, strictness: 'strict', syncTimeoutMs: 10_000 } };
}

/** As if a minor release had been unpacked beside the one in use. */
function otherPrograms(round) {
  const binDir = process.env.QUANTADB_POSTGRES_BIN ?? '/usr/lib/postgresql/15/bin';
  const root = join(cluster.directory, `programs-${round}-${Date.now()}`);
  const directory = join(root, binDir);
  cpSync(binDir, directory, { recursive: true });
  symlinkSync(join(binDir, '../lib'), join(directory, '../lib'));
  const share = join('/usr/share/postgresql', basename(dirname(binDir)));
  mkdirSync(dirname(join(root, share)), { recursive: true });
  symlinkSync(share, join(root, share));
  return directory;
}

/** Through the primary: the only node that no operation takes out. */
async function run(request) {
  return cluster.run((await cluster.primary()).name, request);
}

let prefix = 0;

async function newestEvents(since = 0) {
  return cluster.host((await cluster.primary()).name).client.events(since);
}

async function tellEvents(since) {
  for (const { atMs, node, message } of await newestEvents(since))
    say(`  ${new Date(atMs).toISOString()} ${node ?? ''}: ${message}`);
}

async function measure(row, round) {
  await cluster.untilHealthy();
  prefix += 1;
  const request = row.request ? await row.request(round) : null;
  const writers = new Writers({
    ...{ count: writersCount, prefix: `op${prefix}`, endpoints: cluster.endpoints(names.concat('spare-1')) },
    ...{ credentials, pauseMs: 1 },
  });
  await writers.start();
  await delay(1000);
  const seen = (await newestEvents()).at(-1)?.id ?? 0;
  const fromMs = monotonicMs();
  if (request) await run(request);
  else await row.run();
  const tookMs = monotonicMs() - fromMs;
  await delay(marginMs * 2);
  const pauseMs = writers.longestPauseMs(fromMs - marginMs, monotonicMs() - marginMs);
  await cluster.untilHealthy();
  if (row.expected === 'none' && pauseMs > remarkableMs) await tellEvents(seen);
  const client = await cluster.connect((await cluster.primary()).name);
  const { acknowledged, lost } = await writers.verify(client);
  await writers.drop(client);
  await client.end();
  if (row.undo) await row.undo(request);
  return { name: row.name, tookMs, pauseMs, acknowledged, lost };
}

await inWorkspace(
  async () => {
    cluster = await RealCluster.create([...names, 'spare-1'], { isSupervised: true });
    await cluster.startAll();
    await cluster.form('node-1', names.slice(1));
    const results = [];
    for (let round = 1; round <= rounds; round += 1) {
      for (const row of rows.filter(({ name }) => name.includes(only))) {
        const result = await measure(row, round);
        results.push(result);
        say(
          `${result.name}: ${Math.round(result.pauseMs)} ms without a write in ${Math.round(result.tookMs)} ms, ${result.lost} lost`,
        );
      }
    }
    const of = (name, key) => results.filter((each) => each.name === name).map((each) => each[key]);
    printTable(
      ['operation', 'wanted', 'took, ms', 'without a write, ms: median', 'max', 'acknowledged', 'lost'],
      rows
        .filter(({ name }) => of(name, 'tookMs').length > 0)
        .map(({ name, expected }) => [
          ...[name, expected, Math.round(median(of(name, 'tookMs')))],
          ...[Math.round(median(of(name, 'pauseMs'))), Math.round(Math.max(...of(name, 'pauseMs')))],
          ...['acknowledged', 'lost'].map((key) => of(name, key).reduce((sum, each) => sum + each, 0)),
        ]),
    );
    console.log(JSON.stringify({ bench: 'operations', load: machineLoad(), results }));
    if (results.some(({ lost }) => lost > 0)) process.exitCode = 1;
  },
  async () => cluster?.cleanUp(),
);
