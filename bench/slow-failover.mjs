// Failover to a standby that is held up. Every standby is held up alike, so that the candidate is, whoever it will be.
//
//   npm run bench -- slow-failover [rounds=3] [megabytes of backlog=500] [--only=<words of a row>]
//
// Table on stderr, JSON on stdout.

import { setTimeout as delay } from 'node:timers/promises';
import { pollUntil } from '../packages/engine/dist/shared/deadline.js';
import { machineLoad, printTable, say, spread } from './lib/figures.mjs';
import { names, startQuantaDb } from './lib/quantadb.mjs';
import { runRound } from './lib/round.mjs';
import { inWorkspace } from './lib/workspace.mjs';

const numbers = process.argv.slice(2).filter((each) => /^\d+$/.test(each));
const rounds = Number(numbers[0] ?? 3);
const backlogMegabytes = Number(numbers[1] ?? 500);
const only = process.argv.find((each) => each.startsWith('--only='))?.slice('--only='.length) ?? '';
const stuckCommand = 'sleep 8; false';

let subject = null;

const standbysOf = (primary) => names.filter((name) => name !== primary);
const everyStandby = (primary, work) => Promise.all(standbysOf(primary).map(work));

/** WAL that is received but not replayed. */
async function backlogOf(name) {
  const sql =
    'SELECT pg_wal_lsn_diff(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn())::float8 AS bytes, current_setting($$restore_command$$) AS command';
  const [row] = await subject.askAsSuperuser(name, sql);
  return row;
}

async function largestBacklog(primary) {
  const rows = await everyStandby(primary, backlogOf);
  return Math.max(...rows.map((row) => row.bytes));
}

async function untilStandbysReplayed(primary) {
  const [{ lsn }] = await subject.askAsSuperuser(primary, 'SELECT pg_current_wal_lsn() AS lsn');
  const caughtUp = async (name) => {
    const sql = `SELECT pg_last_wal_replay_lsn() >= '${lsn}' AS done`;
    const isDone = async () => ((await subject.askAsSuperuser(name, sql))[0].done ? true : undefined);
    await pollUntil(isDone, { what: `${name} has replayed`, timeoutMs: 120_000, intervalMs: 50 });
  };
  await everyStandby(primary, caughtUp);
}

/** A reader with an old snapshot on every standby, and rows vacuumed away under it: replay waits for the reader. */
async function holdUpByReaders(primary) {
  const writer = await subject.connect(primary);
  await writer.query('DROP TABLE IF EXISTS held');
  await writer.query('CREATE TABLE held AS SELECT generate_series(1, 10000) AS n');
  await untilStandbysReplayed(primary);
  const readers = await everyStandby(primary, (name) => subject.connect(name));
  for (const reader of readers) {
    await reader.query('BEGIN ISOLATION LEVEL REPEATABLE READ');
    await reader.query('SELECT count(*) FROM held');
    reader.query('SELECT pg_sleep(3600)').catch(() => undefined);
  }
  await writer.query('DELETE FROM held');
  await writer.query('VACUUM held');
  await writer.end();
  const isHeldUp = async () => ((await smallestStandstill(primary)) ? true : undefined);
  await pollUntil(isHeldUp, { what: 'replay waits for the readers', timeoutMs: 30_000, intervalMs: 100 });
  return { backlogBytes: await largestBacklog(primary) };
}

/** Every standby has received more than it replays, and its replay stands still. */
async function smallestStandstill(primary) {
  const positions = () =>
    everyStandby(primary, async (name) => {
      const sql = 'SELECT pg_last_wal_replay_lsn() AS lsn';
      return { ...(await backlogOf(name)), ...(await subject.askAsSuperuser(name, sql))[0] };
    });
  const before = await positions();
  await delay(300);
  const after = await positions();
  return after.every((each, index) => each.bytes > 0 && each.lsn === before[index].lsn);
}

async function pileUp(primary) {
  const writer = await subject.connect(primary);
  await writer.query('CREATE TABLE IF NOT EXISTS bulk (filler text)');
  await writer.query('TRUNCATE bulk');
  await untilStandbysReplayed(primary);
  await everyStandby(primary, (name) => subject.askAsSuperuser(name, 'SELECT pg_wal_replay_pause()'));
  await writer.query('ALTER TABLE bulk ALTER filler SET STORAGE PLAIN');
  const rows = Math.round((backlogMegabytes * 1024 * 1024) / 2100);
  await writer.query(`INSERT INTO bulk SELECT repeat(md5(n::text), 64) FROM generate_series(1, ${rows}) n`);
  await writer.end();
  return { backlogBytes: await largestBacklog(primary) };
}

/** What a superuser may try on the servers themselves; QuantaDB's own value is on the command line, which wins. */
async function setRestoreCommand(primary) {
  const sql = `ALTER SYSTEM SET restore_command = '${stuckCommand}'`;
  await everyStandby(primary, (name) => subject.askAsSuperuser(name, sql));
  await everyStandby(primary, (name) => subject.askAsSuperuser(name, 'SELECT pg_reload_conf()'));
  await delay(1000);
  return { backlogBytes: await largestBacklog(primary) };
}

const resume = (primary) =>
  everyStandby(primary, (name) => subject.askAsSuperuser(name, 'SELECT pg_wal_replay_resume()'));

const cases = [
  { name: 'nothing holds it up', parameters: {}, prepare: async () => ({ backlogBytes: 0 }) },
  {
    name: 'readers block replay, for ever (max_standby_streaming_delay = -1)',
    parameters: { max_standby_streaming_delay: '-1' },
    prepare: holdUpByReaders,
  },
  {
    name: `replay backlog of about ${backlogMegabytes} MB, resumed at the kill`,
    parameters: {},
    prepare: pileUp,
    atEvent: resume,
  },
  { name: `replay backlog of about ${backlogMegabytes} MB, left paused`, parameters: {}, prepare: pileUp },
  {
    name: `restore_command = '${stuckCommand}' as a parameter of the cluster`,
    parameters: { restore_command: stuckCommand },
    prepare: async (primary) => ({ backlogBytes: await largestBacklog(primary) }),
  },
  { name: `restore_command = '${stuckCommand}' by ALTER SYSTEM`, parameters: {}, prepare: setRestoreCommand },
].filter((each) => each.name.includes(only));

async function measure(each) {
  const results = [];
  try {
    subject = await startQuantaDb({ mode: 'quorum', parameters: each.parameters });
    for (let round = 1; round <= rounds; round += 1) {
      const event = async (primary) => {
        await subject.killHost(primary);
        await each.atEvent?.(primary);
      };
      const scenario = { prepare: each.prepare, event, restart: (name) => subject.restartHost(name) };
      const result = await runRound(subject, scenario, `numbers_${round}`);
      const primary = await subject.primary();
      const [{ command }] = await subject.askAsSuperuser(
        primary,
        'SELECT current_setting($$restore_command$$) AS command',
      );
      results.push({ ...result, restoreCommandAfter: command, load: machineLoad() });
      const backlog = `${(result.backlogBytes / 1024 / 1024).toFixed(1)} MB not replayed`;
      say(
        `${each.name} ${round}/${rounds}: ${Math.round(result.withoutWritesMs)} ms without writes, ${backlog}`,
      );
    }
  } catch (error) {
    say(`${each.name}: ${error.message}`);
    return { case: each.name, error: error.message, ...summary(results) };
  } finally {
    const ending = subject;
    subject = null;
    await ending?.stop();
  }
  return { case: each.name, error: null, ...summary(results) };
}

function summary(results) {
  return {
    rounds: results.length,
    backlogMegabytes: results.map((each) => Number((each.backlogBytes / 1024 / 1024).toFixed(1))),
    withoutWritesMs: spread(results.map((each) => each.withoutWritesMs)),
    acknowledgedButMissing: results.reduce((sum, each) => sum + each.missing, 0),
    restoreCommandAfter: [...new Set(results.map((each) => each.restoreCommandAfter))],
    load: results.map((each) => each.load),
  };
}

await inWorkspace(
  async () => {
    const rows = [];
    for (const each of cases) rows.push(await measure(each));
    printTable(
      ['case', 'rounds', 'backlog MB', 'no writes ms median', 'max', 'missing', 'load'],
      rows.map((row) => [
        row.error ? `${row.case} (failed)` : row.case,
        row.rounds,
        row.backlogMegabytes.length ? Math.max(...row.backlogMegabytes) : null,
        row.withoutWritesMs?.median ?? null,
        row.withoutWritesMs?.max ?? null,
        row.acknowledgedButMissing,
        row.load.length ? Math.max(...row.load) : null,
      ]),
    );
    console.log(JSON.stringify({ bench: 'slow-failover', rows }));
    if (rows.some((row) => row.error || row.acknowledgedButMissing > 0)) process.exitCode = 1;
  },
  async () => subject?.stop(),
);
