// What a failover costs: milliseconds without an acknowledged write, rows that are missing, the old primary's return.
// QuantaDB and, where it is installed, Patroni: same machine, same run, same writer, scenario by scenario.
//
//   npm run bench -- failover [rounds=20] [rounds of Patroni=3] [--resume] [--only=<words of a row>]
//
// Table on stderr, JSON on stdout. --resume goes on where an interrupted run was.

import { join } from 'node:path';
import { machineLoad, median, printTable, say, spread } from './lib/figures.mjs';
import { Journal } from './lib/journal.mjs';
import { startQuantaDb } from './lib/quantadb.mjs';
import { runRound } from './lib/round.mjs';
import { inWorkspace } from './lib/workspace.mjs';
import { patroniMissing, patroniTimings, startPatroni } from './peers/patroni.mjs';

const numbers = process.argv.slice(2).filter((each) => /^\d+$/.test(each));
const rounds = Number(numbers[0] ?? 20);
const patroniRounds = Number(numbers[1] ?? 3);
const only = process.argv.find((each) => each.startsWith('--only='))?.slice('--only='.length) ?? '';
/** A round that could not be finished, or a cluster that did not come up, is tried again on a new one this often. */
const failuresMax = 3;

const quantaDb = [
  { system: 'QuantaDB quorum', rounds, start: () => startQuantaDb({ mode: 'quorum' }) },
  { system: 'QuantaDB async', rounds, start: () => startQuantaDb({ mode: 'async' }), only: ['host loss'] },
];

const scenarios = [
  { name: 'host loss', event: (subject) => (name) => subject.killHost(name), restarts: true },
  { name: 'postmaster killed', event: (subject) => (name) => subject.crashPostmaster(name) },
  { name: 'backend killed', event: (subject) => (name) => subject.crashBackend(name) },
  { name: 'planned switchover', event: (subject) => () => subject.switchOver() },
];

let current = null;

function patroniSubjects(directory) {
  return Object.entries(patroniTimings).map(([name, timing]) => ({
    system: `Patroni 3.0.2, ${name} (ttl ${timing.ttl}, loop ${timing.loop_wait})`,
    rounds: patroniRounds,
    start: () => startPatroni({ directory: join(directory, `patroni-${name}-${Date.now()}`), timing }),
  }));
}

/** One row of the table: a cluster of its own, that nothing else runs beside. */
async function measureRow(row, journal) {
  const done = () => rowRounds(journal.entries.filter((each) => each.row === row.key));
  for (let attempt = 0; done().length < row.rounds && attempt < failuresMax; attempt += 1) {
    let isUp = false;
    try {
      current = await row.start();
      isUp = true;
      while (done().length < row.rounds) await measureRound(row, journal, done().length + 1);
    } catch (error) {
      const what = isUp ? 'a round failed' : 'the cluster did not come up';
      journal.add({ row: row.key, error: `${what}: ${error.message}`, isRound: isUp });
      say(`${row.key}: ${what}: ${error.message}`);
    } finally {
      await endCurrent();
    }
  }
}

async function measureRound(row, journal, round) {
  const restart = row.scenario.restarts ? (name) => current.restartHost(name) : null;
  const result = await runRound(current, { event: row.scenario.event(current), restart }, `numbers_${round}`);
  journal.add({ row: row.key, load: machineLoad(), ...result });
  say(`${row.key} ${round}/${row.rounds}: ${Math.round(result.withoutWritesMs)} ms without writes`);
}

async function endCurrent() {
  const ending = current;
  current = null;
  await ending?.stop();
}

function rowRounds(entries) {
  return entries.filter((each) => !each.error);
}

function summaryOf(row, entries) {
  const measured = rowRounds(entries);
  const sum = (name) => measured.reduce((total, each) => total + each[name], 0);
  const last = measured.at(-1);
  return {
    system: row.system,
    scenario: row.scenario.name,
    rounds: measured.length,
    failures: entries.filter((each) => each.error).map((each) => each.error),
    withoutWritesMs: spread(measured.map((each) => each.withoutWritesMs)),
    acknowledged: sum('acknowledged'),
    inDoubt: sum('inDoubt'),
    acknowledgedButMissing: sum('missing'),
    timelinesAtTheEnd: last ? last.timelines : [],
    backMs: spread(measured.map((each) => each.backMs)),
    machineLoad: {
      median: median(measured.map((each) => each.load)),
      all: measured.map((each) => each.load),
    },
  };
}

function print(rows) {
  const heads = ['system', 'event', 'rounds', 'no writes ms median', 'max', 'acknowledged', 'in doubt'];
  printTable(
    [...heads, 'missing', 'timelines', 'old primary back ms median', 'max', 'load'],
    rows.map((row) => [
      row.system,
      row.scenario,
      row.failures.length === 0 ? row.rounds : `${row.rounds} (${row.failures.length} failed)`,
      row.withoutWritesMs?.median ?? null,
      row.withoutWritesMs?.max ?? null,
      row.acknowledged,
      row.inDoubt,
      row.acknowledgedButMissing,
      row.timelinesAtTheEnd.length,
      row.backMs?.median ?? null,
      row.backMs?.max ?? null,
      row.machineLoad.median,
    ]),
  );
}

await inWorkspace(async (directory) => {
  const missing = patroniMissing();
  if (missing) say(`Patroni is left out, because ${missing}`);
  const subjects = [...quantaDb, ...(missing || patroniRounds === 0 ? [] : patroniSubjects(directory))];
  const rows = scenarios
    .flatMap((scenario) =>
      subjects
        .filter((subject) => subject.only?.includes(scenario.name) ?? true)
        .map((subject) => ({ ...subject, scenario, key: `${subject.system}: ${scenario.name}` })),
    )
    .filter((row) => row.key.includes(only));
  const journal = new Journal(`failover-${rounds}-${patroniRounds}`, process.argv.includes('--resume'));
  const loadBefore = machineLoad();
  for (const row of rows) await measureRow(row, journal);
  const summaries = rows.map((row) =>
    summaryOf(
      row,
      journal.entries.filter((each) => each.row === row.key),
    ),
  );
  print(summaries);
  say(
    `one-minute load of the machine before ${loadBefore}, after ${machineLoad()}; rounds in ${journal.path}`,
  );
  console.log(
    JSON.stringify({
      bench: 'failover',
      loadBefore,
      loadAfter: machineLoad(),
      patroni: missing,
      rows: summaries,
    }),
  );
  const isLost = summaries.some((row) => row.system === 'QuantaDB quorum' && row.acknowledgedButMissing > 0);
  if (isLost) process.exitCode = 1;
}, endCurrent);
