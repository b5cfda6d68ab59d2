// How large backups are and how long they take: a full one, a differential and an incremental one after one per cent of the
// rows has changed, each beside pgBackRest run by hand on the same server at the same moment, with the same options, into a
// repository of its own. A ratio of 1 means that QuantaDB adds nothing.
//
//   npm run bench -- backup-sizes [gigabytes=5]
//
// Table on stderr, JSON on stdout.

import { execFile } from 'node:child_process';
import { chmodSync, chownSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { overview } from '../apps/node-daemon/dist/testing/backup-scene.js';
import { RealCluster } from '../apps/node-daemon/dist/testing/real-cluster.js';
import { backUpTo, directoryOfPostgres, fill, work } from './lib/backups.mjs';
import { machineLoad, monotonicMs, printTable, say } from './lib/figures.mjs';
import { askAsSuperuser } from './lib/quantadb.mjs';
import { inWorkspace } from './lib/workspace.mjs';

const execute = promisify(execFile);
const gigabytes = Number(process.argv[2] ?? 5);
const names = ['node-1', 'node-2', 'node-3'];
const stanza = 'by-hand';
const changedShare = 0.01;

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
    const [program, ...before] = ['nice', '-n', '10', 'ionice', '-c', '2', '-n', '7', 'pgbackrest'];
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
    const rows = [];
    for (const type of ['full', 'diff', 'incr']) {
      if (type !== 'full')
        await client.query(
          `UPDATE bulk SET filler = repeat(md5(random()::text), 31) WHERE id <= (SELECT max(id) * ${changedShare} FROM bulk)`,
        );
      await askAsSuperuser(cluster, primary, 'CHECKPOINT');
      const row = { type, quantaDb: await ours(type), byHand: await hand.backup(type), load: machineLoad() };
      rows.push({
        ...row,
        sizeRatio: row.quantaDb.bytes / row.byHand.bytes,
        timeRatio: row.quantaDb.ms / row.byHand.ms,
      });
      say(`${type}: done`);
    }
    await client.end();
    const megabytes = (value) => (value / 1024 ** 2).toFixed(1);
    printTable(
      ['backup', 'MB', 'by hand', 'ratio', 's', 'by hand', 'ratio', 'load'],
      rows.map(({ type, quantaDb, byHand: theirs, sizeRatio, timeRatio, load }) => [
        ...[type, megabytes(quantaDb.bytes), megabytes(theirs.bytes), sizeRatio.toFixed(3)],
        ...[(quantaDb.ms / 1000).toFixed(1), (theirs.ms / 1000).toFixed(1), timeRatio.toFixed(2), load],
      ]),
    );
    console.log(JSON.stringify({ bench: 'backup-sizes', bytes, changedShare, rows }));
  },
  async () => cluster?.cleanUp(),
);
