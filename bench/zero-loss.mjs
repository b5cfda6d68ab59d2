// Whether an acknowledged write is ever lost: every durability mode, every fault, 16 writers straight to the servers of three
// hosts with networks of their own. Needs root and nftables.
//
//   npm run bench -- zero-loss [runs=10] [--resume] [--only=<words of a row>]
//
// Table on stderr, JSON on stdout. --resume adds to the runs of earlier ones, so that many short runs make a long one. Ends with
// 1 when a `strict` row has lost a write.

import { setTimeout as delay } from 'node:timers/promises';
import { NetworkLab } from '../apps/node-daemon/dist/testing/network-lab.js';
import { Partition } from '../apps/node-daemon/dist/testing/partition.js';
import { credentials, RealCluster } from '../apps/node-daemon/dist/testing/real-cluster.js';
import { pollUntil } from '../packages/engine/dist/shared/deadline.js';
import { machineLoad, monotonicMs, printTable, say, spread } from './lib/figures.mjs';
import { Journal } from './lib/journal.mjs';
import { childrenOf, inWorkspace, signalProcess } from './lib/workspace.mjs';
import { Writers } from './lib/writers.mjs';

const runs = Number(process.argv.slice(2).find((each) => /^\d+$/.test(each)) ?? 10);
const only = process.argv.find((each) => each.startsWith('--only='))?.slice('--only='.length) ?? '';

const names = ['node-1', 'node-2', 'node-3'];
const writersCount = 16;
const writesBefore = 1000;
/** So long a cluster gets to go on by itself before what was taken from it is given back. */
const patienceMs = 8000;
const standsStillMs = 4000;
const syncTimeoutMs = 2000;
const minuteMs = 60_000;
const failuresMax = 3;

const modes = [
  { mode: 'async', strictness: 'strict', name: 'async' },
  { mode: 'quorum', strictness: 'strict', name: 'quorum strict' },
  { mode: 'quorum', strictness: 'available', name: 'quorum available' },
  { mode: 'all', strictness: 'strict', name: 'all strict' },
  { mode: 'all', strictness: 'available', name: 'all available' },
];

/** Each does its harm, waits for what the cluster makes of it, and gives back what it took. */
const faults = [
  { name: 'primary killed', run: (subject) => killAndReturn(subject, [subject.primary]) },
  {
    name: 'primary and a standby killed',
    run: (subject) => killAndReturn(subject, [subject.primary, subject.standbys[0]]),
  },
  { name: 'primary cut off', run: cutOff },
  { name: 'slow standby, then primary killed', run: slowThenKilled },
  { name: 'standby restarted', run: restartStandby },
];

let current = null;

class Subject {
  static async start(mode) {
    const lab = await NetworkLab.create(names);
    const subject = new Subject();
    subject.lab = lab;
    subject.partition = new Partition(lab);
    try {
      subject.cluster = await RealCluster.create(names, { lab });
      await subject.cluster.startAll();
      await subject.cluster.form(names[0], names.slice(1));
      const durability = { mode: mode.mode, strictness: mode.strictness, syncTimeoutMs };
      await subject.cluster.run(names[0], { kind: 'set-durability', durability });
      return subject;
    } catch (error) {
      await subject.stop();
      throw error;
    }
  }

  async settle() {
    const status = await this.cluster.until(
      'healthy, and decided elsewhere',
      ({ health, primary, raft }) => health === 'healthy' && raft.leader !== null && raft.leader !== primary,
      3 * minuteMs,
    );
    this.primary = status.primary;
    this.standbys = names.filter((name) => name !== status.primary);
  }

  async stop() {
    await this.cluster?.cleanUp();
    await this.lab.remove();
  }
}

async function killAll(subject, victims) {
  const doomed = [];
  for (const name of victims) {
    const host = subject.cluster.host(name);
    const { pids } = await host.client.node();
    doomed.push(host.daemon?.pid, pids.reaper, pids.postgres, ...childrenOf(pids.postgres));
  }
  for (const pid of doomed) if (pid) signalProcess(pid, 'SIGKILL');
  for (const name of victims) {
    const isGone = async () => (subject.cluster.host(name).daemon ? undefined : true);
    await pollUntil(isGone, { what: `${name} is gone`, timeoutMs: 5000, intervalMs: 10 });
  }
}

/** @returns whether most writers were answered again before anything was given back */
async function goesOnByItself(subject) {
  const sinceMs = monotonicMs();
  const isAlive = async () => (subject.writers.aliveSince(sinceMs) >= writersCount / 2 ? true : undefined);
  return pollUntil(isAlive, { what: 'writes go on', timeoutMs: patienceMs, intervalMs: 20 }).catch(
    () => false,
  );
}

async function killAndReturn(subject, victims) {
  await killAll(subject, victims);
  const byItself = await goesOnByItself(subject);
  await Promise.all(victims.map((name) => subject.cluster.startDaemon(name)));
  return byItself;
}

async function cutOff(subject) {
  await subject.partition.isolate(subject.primary);
  const byItself = await goesOnByItself(subject);
  await subject.partition.heal();
  return byItself;
}

/** It comes back with a backlog just as the primary dies: the other standby must be the one that is elected. */
async function slowThenKilled(subject) {
  const { pids } = await subject.cluster.host(subject.standbys[0]).client.node();
  const processes = [pids.postgres, ...childrenOf(pids.postgres)];
  for (const pid of processes) signalProcess(pid, 'SIGSTOP');
  await delay(standsStillMs);
  for (const pid of processes) signalProcess(pid, 'SIGCONT');
  return killAndReturn(subject, [subject.primary]);
}

async function restartStandby(subject) {
  const { pids } = await subject.cluster.host(subject.standbys[0]).client.node();
  signalProcess(pids.postgres, 'SIGINT');
  return goesOnByItself(subject);
}

async function measureRun(subject, fault, prefix) {
  await subject.settle();
  const options = { endpoints: subject.cluster.endpoints(names), credentials, pauseMs: 5 };
  const writers = new Writers({ ...options, count: writersCount, prefix });
  subject.writers = writers;
  await writers.start();
  try {
    await untilWritten(writers, writesBefore);
    const fromMs = monotonicMs();
    const byItself = await fault.run(subject);
    await subject.settle();
    await untilWritten(writers, writers.count() + writesBefore);
    const blockedMs = writers.longestPauseMs(fromMs, monotonicMs());
    await writers.stop();
    const client = await subject.cluster.connect(subject.primary);
    try {
      const verdict = await writers.verify(client);
      await writers.drop(client);
      return { byItself, blockedMs, ...verdict };
    } finally {
      await client.end();
    }
  } finally {
    await writers.stop();
  }
}

async function untilWritten(writers, count) {
  const isWritten = async () => (writers.count() >= count ? true : undefined);
  await pollUntil(isWritten, { what: 'writes are acknowledged', timeoutMs: minuteMs, intervalMs: 20 });
}

async function measureMode(mode, journal) {
  const doneOf = (fault) =>
    journal.entries.filter((each) => each.row === keyOf(mode, fault) && !each.error).length;
  const wanted = faults.filter((fault) => keyOf(mode, fault).includes(only));
  const before = new Map(wanted.map((fault) => [fault, doneOf(fault)]));
  const next = () => wanted.find((fault) => doneOf(fault) - before.get(fault) < runs);
  for (let failures = 0; next() && failures < failuresMax; ) {
    try {
      current = await Subject.start(mode);
      for (let fault = next(); fault; fault = next()) {
        const key = keyOf(mode, fault);
        const result = await measureRun(current, fault, `w${journal.entries.length}`).catch((error) => {
          journal.add({ row: key, error: error.message });
          throw error;
        });
        journal.add({ row: key, load: machineLoad(), ...result });
        say(
          `${key}: ${Math.round(result.blockedMs)} ms, ${result.acknowledged} acknowledged, ${result.lost} lost`,
        );
      }
    } catch (error) {
      failures += 1;
      say(`${mode.name}: ${error.message}`);
    } finally {
      await endCurrent();
    }
  }
}

async function endCurrent() {
  const ending = current;
  current = null;
  await ending?.stop();
}

function keyOf(mode, fault) {
  return `${mode.name}: ${fault.name}`;
}

function summaryOf(mode, fault, entries) {
  const own = entries.filter((each) => each.row === keyOf(mode, fault));
  const measured = own.filter((each) => !each.error);
  const sum = (name) => measured.reduce((total, each) => total + each[name], 0);
  return {
    mode: mode.name,
    fault: fault.name,
    runs: measured.length,
    failures: own.filter((each) => each.error).map((each) => each.error),
    wentOnByItself: measured.filter((each) => each.byItself).length,
    acknowledged: sum('acknowledged'),
    lost: sum('lost'),
    inDoubt: sum('inDoubt'),
    blockedMs: spread(measured.map((each) => each.blockedMs)),
  };
}

await inWorkspace(async () => {
  const journal = new Journal('zero-loss', process.argv.includes('--resume'));
  for (const mode of modes) await measureMode(mode, journal);
  const rows = modes.flatMap((mode) => faults.map((fault) => summaryOf(mode, fault, journal.entries)));
  const shown = rows.filter((row) => row.runs > 0 || row.failures.length > 0);
  printTable(
    [
      'mode',
      'fault',
      'runs',
      'failed',
      'went on by itself',
      'acknowledged',
      'lost',
      'in doubt',
      'blocked ms',
      'max',
    ],
    shown.map((row) => [
      ...[row.mode, row.fault, row.runs, row.failures.length, row.wentOnByItself],
      ...[row.acknowledged, row.lost, row.inDoubt],
      ...[row.blockedMs?.median ?? null, row.blockedMs?.max ?? null],
    ]),
  );
  say(`one-minute load ${machineLoad()}; runs in ${journal.path}`);
  console.log(JSON.stringify({ bench: 'zero-loss', writers: writersCount, rows: shown }));
  if (shown.some((row) => row.mode.endsWith('strict') && row.lost > 0)) process.exitCode = 1;
}, endCurrent);
