// How large backups are and how long they take: a full one, a differential and an incremental one after one per cent of the
// rows has changed, each beside pgBackRest run by hand on the same server at the same moment, with the same options, into a
// repository of its own. A ratio of 1 means that QuantaDB adds nothing.
//
//   npm run bench -- backup-sizes [gigabytes=5] [rounds=2]
//
// The second of two reads what the first has left in memory, so who is first is turned with every backup and every round: take an
// even number of rounds. QuantaDB's time is from the request to its answer: with choosing a node, a checkpoint, the wait until the
// WAL of the backup is archived and the removal of old backups, of which the one by hand does nothing. Table on stderr, JSON on
// stdout.

import { execFile } from 'node:child_process';
import { chmodSync, chownSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { overview } from '../apps/node-daemon/dist/testing/backup-scene.js';
import { RealCluster } from '../apps/node-daemon/dist/testing/real-cluster.js';
import { gently } from '../packages/engine/dist/backup/engines/pgbackrest/gently.js';
import { backUpTo, directoryOfPostgres, fill, work } from './lib/backups.mjs';
import { machineLoad, median, monotonicMs, printTable, say } from './lib/figures.mjs';
import { askAsSuperuser } from './lib/quantadb.mjs';
import { inWorkspace } from './lib/workspace.mjs';

const execute = promisify(execFile);
const [gigabytes = 5, rounds = 2] = process.argv.slice(2).map(Number);
const names = ['node-1', 'node-2', 'node-3'];
const stanza = 'by-hand';
const changedShare = 0.01;
const types = ['full', 'diff', 'incr'];

let cluster = null;

/** The primary's own configuration, with another place and another name in it. */
async function byHand(directory) {
  const { directory: path, user } = await directoryOfPostgres(join(directory, 'by-hand'));
  const { name } = await cluster.primary();
  const own = readFileSync(join(cluster.host(name).directory, 'state/postgres/pgbackrest.conf'), 'utf8');
  const text = own
    .replace(/^repo1-path=.*$/m, `repo1-path=${path}`)
    .replace(/^lock-path=.*$/m, `lock-path=${path}/lock`)
    .replace(/^log-path=.*$/m, `log-path=${path}/log`)
    .replace(/^\[(?!global)[^\]]+\]$/m, `[${stanza}]`);
  const file = join(directory, 'by-hand.conf');
  writeFileSync(file, text);
  chmodSync(file, 0o600);
  if (user) chownSync(file, user.uid, user.gid);
  const run = async (...args) => {
    const [program, ...before] = [...gently({ nice: 10, ioPriority: 7 }), 'pgbackrest'];
    const common = [`--config=${file}`, `--stanza=${stanza}`, '--log-level-stderr=warn'];
    const as = user ? { uid: user.uid, gid: user.gid, env: { PATH: process.env.PATH, HOME: path } } : {};
    const { stdout } = await execute(program, [...before, ...common, ...args], as);
    return stdout;
  };
  await run('stanza-create');
  return {
    // WAL goes to the cluster's own repository: a backup is not held up by waiting for it here.
    backup: async (type) => {
      const startMs = monotonicMs();
      await run('backup', `--type=${type}`, '--no-archive-check', '--repo1-retention-full=9');
      const ms = monotonicMs() - startMs;
      const [{ backup }] = JSON.parse(await run('info', '--output=json'));
      return { ms, bytes: backup.at(-1).info.repository.delta };
    },
  };
}

async function ours(type) {
  const startMs = monotonicMs();
  await work(cluster, { kind: 'backup', type });
  const ms = monotonicMs() - startMs;
  const { repository } = await overview(cluster);
  return { ms, bytes: repository.backups.at(-1).repositoryBytes };
}

async function changeSome(client) {
  await client.query(
    `UPDATE bulk SET filler = repeat(md5(random()::text), 31) WHERE id <= (SELECT max(id) * ${changedShare} FROM bulk)`,
  );
}

/** Medians over the rounds; of the ratios, not the ratio of medians. */
function summaryOf(type, taken) {
  const of = taken.filter((each) => each.type === type);
  const middle = (what) => median(of.map(what));
  return {
    type,
    quantaDb: { ms: middle(({ quantaDb }) => quantaDb.ms), bytes: middle(({ quantaDb }) => quantaDb.bytes) },
    byHand: {
      ms: middle(({ byHand: theirs }) => theirs.ms),
      bytes: middle(({ byHand: theirs }) => theirs.bytes),
    },
    sizeRatio: middle(({ quantaDb, byHand: theirs }) => quantaDb.bytes / theirs.bytes),
    timeRatio: middle(({ quantaDb, byHand: theirs }) => quantaDb.ms / theirs.ms),
    load: middle(({ load }) => load),
  };
}

await inWorkspace(
  async (directory) => {
    cluster = await RealCluster.create(names);
    await cluster.startAll();
    await cluster.form(names[0], names.slice(1));
    await backUpTo(cluster, join(directory, 'repository'), { impact: { source: 'primary' } });
    const { name: primary } = await cluster.primary();
    const client = await cluster.connect(primary);
    const bytes = await fill(client, gigabytes);
    const hand = await byHand(directory);
    say(`${(bytes / 1024 ** 3).toFixed(2)} GB`);
    const taken = [];
    for (let round = 0; round < rounds; round += 1)
      for (const [at, type] of types.entries()) {
        if (type !== 'full') await changeSome(client);
        await askAsSuperuser(cluster, primary, 'CHECKPOINT');
        const both = { type, round, load: machineLoad() };
        const isOursFirst = (round + at) % 2 === 0;
        for (const who of isOursFirst ? ['quantaDb', 'byHand'] : ['byHand', 'quantaDb'])
          both[who] = who === 'quantaDb' ? await ours(type) : await hand.backup(type);
        taken.push(both);
        say(`round ${round + 1}, ${type}: ${isOursFirst ? 'QuantaDB first' : 'by hand first'}`);
      }
    const rows = types.map((type) => summaryOf(type, taken));
    await client.end();
    const megabytes = (value) => (value / 1024 ** 2).toFixed(1);
    printTable(
      ['backup', 'MB', 'by hand', 'ratio', 's', 'by hand', 'ratio', 'load'],
      rows.map(({ type, quantaDb, byHand: theirs, sizeRatio, timeRatio, load }) => [
        ...[type, megabytes(quantaDb.bytes), megabytes(theirs.bytes), sizeRatio.toFixed(3)],
        ...[(quantaDb.ms / 1000).toFixed(1), (theirs.ms / 1000).toFixed(1), timeRatio.toFixed(2), load],
      ]),
    );
    console.log(JSON.stringify({ bench: 'backup-sizes', bytes, changedShare, rounds, rows, taken }));
  },
  async () => cluster?.cleanUp(),
);
