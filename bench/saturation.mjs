// A cluster under light writes on a machine that has no time left: first no CPU, then no memory, then a disk that is
// kept busy with fsync. Nothing here is a reason to fail over; whatever ends a reign is counted.
//
//   npm run bench -- saturation [minutes=10]
//
// Table on stderr, JSON on stdout. Needs Debian's package stress-ng; memory and disk get a fifth of the time each.

import { spawn } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { freemem } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { missingNumbers, SequencedWriter } from '../packages/engine/dist/testing/sequenced-writer.js';
import { machineLoad, monotonicMs, printTable, say } from './lib/figures.mjs';
import { names, startQuantaDb } from './lib/quantadb.mjs';
import { Vitals } from './lib/vitals.mjs';
import { inWorkspace, signalProcess } from './lib/workspace.mjs';

const stressProgram = '/usr/bin/stress-ng';
const minutes = Number(process.argv[2] ?? 10);
const shortestMs = 15_000;
const changeEverySeconds = 5;
/** What the daemons export covers half a minute: so long a phase is followed by nothing, and still counted. */
const settleMs = 35_000;
/** Of the memory that is free when the phase begins. */
const memoryShare = 0.6;

let subject = null;
let stress = null;

function phasesOf(directory) {
  const wholeMs = minutes * 60_000;
  const shareMs = Math.max(shortestMs, wholeMs / 5);
  const megabytes = () => Math.floor((freemem() * memoryShare) / 2 / 1024 / 1024);
  const disk = join(directory, 'storm');
  mkdirSync(disk, { recursive: true });
  return [
    { name: 'idle', durationMs: shortestMs, args: () => null },
    { name: 'CPU (8 at nice 0)', durationMs: wholeMs, args: () => ['--cpu', '8'] },
    {
      name: `memory (${memoryShare * 100} % of what is free)`,
      durationMs: shareMs,
      args: () => ['--vm', '2', '--vm-bytes', `${megabytes()}M`, '--vm-keep', '--oom-avoid'],
    },
    {
      name: 'fsync storm on the same file system',
      durationMs: shareMs,
      args: () => {
        const writers = [
          '--hdd',
          '4',
          '--hdd-opts',
          'fsync',
          '--hdd-bytes',
          '256M',
          '--hdd-write-size',
          '64K',
        ];
        return [...writers, '--sync-file', '2', '--sync-file-bytes', '256M', '--temp-path', disk];
      },
    },
  ];
}

function startStress(args, durationMs) {
  if (!args) return null;
  const timeout = ['--timeout', `${Math.ceil(durationMs / 1000) + 30}s`];
  // A group of its own, so that one signal ends all of its workers.
  const child = spawn(stressProgram, [...args, ...timeout, '--quiet'], { stdio: 'ignore', detached: true });
  child.on('error', (error) => say(`stress-ng: ${error.message}`));
  child.on('exit', (code) => {
    if (stress === child) say(`stress-ng ended by itself with code ${code}`);
  });
  return child;
}

async function endStress() {
  const child = stress;
  stress = null;
  if (!child || child.exitCode !== null) return;
  const ended = new Promise((resolve) => child.once('exit', resolve));
  signalProcess(-child.pid, 'SIGTERM');
  await Promise.race([ended, delay(10_000)]);
  signalProcess(-child.pid, 'SIGKILL');
}

async function measurePhase(phase, writer) {
  const vitals = new Vitals(subject.cluster, names);
  const before = await vitals.history();
  const startMs = monotonicMs();
  const writtenBefore = writer.acknowledgedCount();
  stress = startStress(phase.args(), phase.durationMs);
  const changes = { done: 0, failed: 0 };
  try {
    for (let second = 0; monotonicMs() - startMs < phase.durationMs; second += 1) {
      await vitals.sample();
      if (second % changeEverySeconds === 0) await changeSomething(changes);
      await delay(1000);
    }
  } finally {
    await endStress();
  }
  const seconds = (monotonicMs() - startMs) / 1000;
  const written = writer.acknowledgedCount() - writtenBefore;
  const load = machineLoad();
  await delay(settleMs);
  const after = await vitals.history();
  return {
    phase: phase.name,
    seconds: Math.round(seconds),
    failovers: after.failovers - before.failovers,
    raftElections: after.term - before.term,
    leaseLosses: after.leaseLosses - before.leaseLosses,
    longestPauseMs: Math.round(writer.longestPauseMs(startMs)),
    operations: changes,
    writesPerSecond: Math.round(written / seconds),
    ...vitals.maxima(),
    machineLoad: load,
    reasons: after.reasons.slice(before.reasons.length),
  };
}

/** An operation that changes next to nothing, so that Raft's log has something to write and to flush. */
async function changeSomething(changes) {
  const syncTimeoutMs = 10_000 + (changes.done % 2);
  const durability = { mode: 'quorum', strictness: 'strict', syncTimeoutMs };
  try {
    await subject.cluster.run(names[0], { kind: 'set-durability', durability });
    changes.done += 1;
  } catch (error) {
    changes.failed += 1;
    say(`an operation failed: ${error.message}`);
  }
}

function print(phases) {
  const heads = ['phase', 's', 'failovers', 'elections', 'lease losses', 'longest pause ms', 'writes/s'];
  printTable(
    [...heads, 'Raft fsync ms', 'Raft loop ms', 'main loop ms', 'probe ms', 'least lease ms', 'load'],
    phases.map((each) => [
      each.phase,
      each.seconds,
      each.failovers,
      each.raftElections,
      each.leaseLosses,
      each.longestPauseMs,
      each.writesPerSecond,
      each.raftFsyncMsMax,
      each.raftLoopDelayMsMax,
      each.mainLoopDelayMsMax,
      each.probeMsMax,
      each.leaseRemainingMsMin,
      each.machineLoad,
    ]),
  );
}

async function verify(writer) {
  const { acknowledged, inDoubt } = await writer.stop();
  await subject.untilWell();
  const client = await subject.connect(await subject.primary());
  try {
    const missing = await missingNumbers(client, 'numbers', acknowledged);
    return {
      acknowledged: acknowledged.length,
      inDoubt: inDoubt.length,
      acknowledgedButMissing: missing.length,
    };
  } finally {
    await client.end();
  }
}

async function run(directory) {
  subject = await startQuantaDb({ mode: 'quorum' });
  await subject.untilWell();
  const writer = new SequencedWriter({
    endpoints: subject.endpoints(),
    credentials: subject.credentials,
    table: 'numbers',
    pauseMs: 20,
  });
  await writer.start();
  const phases = [];
  try {
    for (const phase of phasesOf(directory)) {
      say(`${phase.name}: ${Math.round(phase.durationMs / 1000)} s`);
      const result = await measurePhase(phase, writer);
      phases.push(result);
      const counts = `${result.failovers} failovers, ${result.leaseLosses} lease losses`;
      say(`${phase.name}: ${counts}, ${result.longestPauseMs} ms without a write`);
      for (const reason of result.reasons) say(`  ${reason}`);
    }
  } finally {
    await writer.stop();
  }
  print(phases);
  console.log(JSON.stringify({ bench: 'saturation', minutes, phases, ...(await verify(writer)) }));
  if (phases.some((each) => each.failovers + each.leaseLosses > 0)) process.exitCode = 1;
}

if (!existsSync(stressProgram)) {
  process.stderr.write('stress-ng is not there: apt-get install -y --no-install-recommends stress-ng\n');
  process.exit(2);
}
await inWorkspace(run, async () => {
  await endStress();
  await subject?.stop();
});
