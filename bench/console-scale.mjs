// How a console answers while many nodes report to it once a second: every simulated host has a certificate and a connection of
// its own and tells what a real one tells (clusters of three and five). Requests for the status of all clusters and of one, over
// REST and tRPC, come at a fixed rate and count from when they were due; two browsers say how old a lag is when they hear it.
//
//   npm run bench -- console-scale [nodes=1000] [seconds=60] [rate=50] [database=0] [profile=<directory>]
//
// The console has core 0, the hosts and viewers core 1, its PostgreSQL the one that `database` names. The first ten seconds do not count. Table on
// stderr, JSON on stdout; fails when a request did or the 99th percentile is 100 ms or more. `profile` keeps a CPU profile of the console.

import { fork } from 'node:child_process';
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import { enrol, firstPerson, pinTo, startControlPlane, usageOf } from './lib/control-plane.mjs';
import { machineLoad, printTable, quantiles, say } from './lib/figures.mjs';
import { processesOf, secondsOf } from './lib/processes.mjs';
import { clustersOf } from './lib/told-fleet.mjs';
import { inWorkspace } from './lib/workspace.mjs';

const given = Object.fromEntries(process.argv.slice(2).map((each) => each.split('=')));
const [nodes, seconds, rate] = [given.nodes ?? 1000, given.seconds ?? 60, given.rate ?? 50].map(Number);
const warmUpSeconds = 10;
const readyMs = 300_000;
const limitMs = 100;
/** Beside the console, or beside what reports to it. */
const databaseCore = Number(given.database ?? 0);
const hasCores = cpus().length > 1;

function child(name) {
  const process_ = fork(fileURLToPath(new URL(`./lib/${name}-process.mjs`, import.meta.url)));
  if (hasCores) pinTo(1, [process_.pid]);
  process_.once('exit', (code) => {
    if (code !== 0 && code !== null) throw new Error(`${name} ended with ${code}`);
  });
  return process_;
}

function heard(process_, isIt) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('a process of the benchmark says nothing')), readyMs);
    const listen = (message) => {
      if (!isIt(message)) return;
      clearTimeout(timer);
      process_.off('message', listen);
      resolve(message);
    };
    process_.on('message', listen);
  });
}

/** What the hosts have noticed between two moments. */
function followed(fleet) {
  let counts = null;
  let answeredInMs = [];
  fleet.on('message', (message) => {
    if (!message.counts) return;
    counts = message.counts;
    answeredInMs.push(...message.answeredInMs);
  });
  return {
    counts: () => counts,
    forget: () => {
      answeredInMs = [];
    },
    answeredInMs: () => answeredInMs,
  };
}

async function measure({ plane, directory, clusters, hosts, person }) {
  const [fleet, viewers] = [child('fleet'), child('viewers')];
  const beganMs = Date.now();
  const reports = followed(fleet);
  const isReady = heard(fleet, (message) => message.ready);
  fleet.send({ url: plane.url, hosts, clusters, beganMs });
  await isReady;
  say(`${nodes} hosts report`);
  const look = { url: plane.url, token: person.token, clusters, rate };
  viewers.send({ watch: { url: plane.url, cookie: person.cookie, clusters, beganMs } });
  const isWarm = heard(viewers, (message) => 'measured' in message);
  viewers.send({ look: { ...look, seconds: warmUpSeconds, isQuiet: true } });
  await isWarm;
  say(`measuring for ${seconds} s`);
  if (given.profile) process.kill(usageOf(directory).pid, 'SIGUSR2');
  viewers.send({ forget: true });
  reports.forget();
  const own = [fleet.pid, viewers.pid];
  const ownBefore = secondsOf(own);
  const [before, countsBefore, fromMs] = [usageOf(directory), { ...reports.counts() }, performance.now()];
  const isDone = heard(viewers, (message) => message.measured);
  viewers.send({ look: { ...look, seconds } });
  const { measured } = await isDone;
  const [after, passed] = [usageOf(directory), (performance.now() - fromMs) / 1000];
  const ownSeconds = secondsOf(own) - ownBefore;
  const isTold = heard(viewers, (message) => message.freshMs);
  viewers.send({ tell: true });
  const { freshMs, bytes } = await isTold;
  const sums = { ...reports.counts() };
  for (const process_ of [fleet, viewers]) process_.disconnect();
  return {
    measured,
    usage: {
      consoleCpu: round((after.consoleSeconds - before.consoleSeconds) / passed, 3),
      postgresCpu: round((after.postgresSeconds - before.postgresSeconds) / passed, 3),
      megabytes: after.megabytes,
      waitedForCore: round((after.waitedSeconds - before.waitedSeconds) / passed, 3),
      simulationCpu: round(ownSeconds / passed, 3),
    },
    reports: {
      perSecond: round((sums.answered - countsBefore.answered) / passed),
      lost: sums.skipped + sums.unanswered - countsBefore.skipped - countsBefore.unanswered,
      answeredInMs: rounded(quantiles(reports.answeredInMs())),
      connected: sums.connected,
    },
    freshMs: { fleet: rounded(quantiles(freshMs.fleet)), cluster: rounded(quantiles(freshMs.cluster)) },
    kilobytesPerSecond: {
      fleet: round(bytes.fleet / passed / 1024),
      cluster: round(bytes.cluster / passed / 1024),
    },
  };
}

const round = (value, digits = 1) => Number(value.toFixed(digits));
const rounded = (values) =>
  Object.fromEntries(
    Object.entries(values).map(([name, value]) => [name, value === null ? null : round(value)]),
  );

function show({ measured, usage, reports, freshMs, kilobytesPerSecond }) {
  const all = { ms: Object.values(measured).flatMap(({ ms }) => ms), bytes: null, failed: 0 };
  for (const { failed } of Object.values(measured)) all.failed += failed;
  const rows = Object.entries({ ...measured, 'all requests': all }).map(([kind, { ms, bytes, failed }]) => {
    return { kind, ...rounded(quantiles(ms)), bytes, failed };
  });
  printTable(
    ['request, ms from when it was due', 'number', 'p50', 'p99', 'max', 'bytes', 'failed'],
    rows.map(({ kind, samples, p50, p99, max, bytes, failed }) => [
      kind,
      samples,
      p50,
      p99,
      max,
      bytes,
      failed,
    ]),
  );
  const seen = (name, of) => [name, of.samples, of.p50, of.p99, of.max];
  printTable(
    ['age in ms', 'number', 'p50', 'p99', 'max'],
    [
      seen('lag of all clusters, as a browser hears it', freshMs.fleet),
      seen('lag of one cluster, as a browser hears it', freshMs.cluster),
      seen('report, until it was answered', reports.answeredInMs),
    ],
  );
  const { consoleCpu, postgresCpu, megabytes, simulationCpu, waitedForCore } = usage;
  say(
    `console ${consoleCpu} s of CPU per second (ready without a core for ${waitedForCore}) and ${megabytes} MB, its PostgreSQL ${postgresCpu}, the simulation ${simulationCpu}; ${reports.perSecond} reports per second, ` +
      `${reports.lost} lost; kB per second to a browser with all clusters ${kilobytesPerSecond.fleet}, with one ${kilobytesPerSecond.cluster}; load ${machineLoad()}`,
  );
  const result = {
    nodes,
    seconds,
    rate,
    rows,
    freshMs,
    reports,
    usage,
    kilobytesPerSecond,
    load: machineLoad(),
  };
  process.stdout.write(`${JSON.stringify(result)}\n`);
  const { p99 } = rows.at(-1);
  if (all.failed > 0 || p99 === null || p99 >= limitMs) process.exitCode = 1;
}

let plane = null;
await inWorkspace(
  async (directory) => {
    if (given.profile) {
      process.env.QUANTADB_PROFILE_DIR = given.profile;
      process.env.NODE_OPTIONS = `--import ${new URL('./lib/profile.mjs', import.meta.url).href}`;
    }
    plane = await startControlPlane(directory);
    delete process.env.NODE_OPTIONS;
    const person = await firstPerson(plane);
    const clusters = clustersOf(nodes);
    say(`enrolling ${nodes} hosts in ${clusters.length} clusters`);
    const hosts = await enrol(
      plane,
      clusters.flatMap((cluster) => cluster.nodes),
    );
    const all = processesOf(directory);
    const isServer = ({ command }) => !command.includes('server.js');
    const pidsOf = (fits) => all.filter(fits).map(({ pid }) => pid);
    if (hasCores)
      pinTo(
        0,
        pidsOf((each) => !isServer(each)),
      );
    if (hasCores) pinTo(databaseCore, pidsOf(isServer));
    show(await measure({ plane, directory, clusters, hosts, person }));
  },
  async () => plane?.stop(),
);
