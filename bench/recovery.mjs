// What losing everything costs: every node is killed at once under a writer, and the repository alone gives the cluster back on
// a host that was in none. Seconds of recovery per gigabyte, and the recovery point: how old the newest restored commit is, and
// how many acknowledged rows came after it.
//
//   npm run bench -- recovery [gigabytes=1] [seconds of writing=90] [archive timeout=60]
//
// The acknowledged rows that are lost are what asynchronous archiving costs; every row before them has to be there. One run shows
// one loss: it lies anywhere between nothing and the archive timeout with the time to copy. The repository is read from its disk:
// what is in memory of it is dropped before. Recovery counts from the request until the new cluster takes writes; what is replayed
// is the WAL of the writer, which is little, so a busy database takes longer than the seconds per gigabyte say. Table on stderr,
// JSON on stdout.

import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { credentials, RealCluster } from '../apps/node-daemon/dist/testing/real-cluster.js';
import { SequencedWriter } from '../packages/engine/dist/testing/sequenced-writer.js';
import { backUpTo, fill, work } from './lib/backups.mjs';
import { machineLoad, monotonicMs, printTable, say } from './lib/figures.mjs';
import { inWorkspace } from './lib/workspace.mjs';

const [gigabytes = 1, seconds = 90, archiveTimeoutSeconds = 60] = process.argv.slice(2).map(Number);
const members = ['node-1', 'node-2', 'node-3'];
const spare = 'spare-1';
const table = 'ledger';

let cluster = null;

async function bringUp(directory) {
  cluster = await RealCluster.create([...members, spare]);
  await cluster.startAll();
  await cluster.form(members[0], members.slice(1));
  const repository = await backUpTo(cluster, join(directory, 'repository'), { archiveTimeoutSeconds });
  const client = await cluster.connect((await cluster.primary()).name);
  const bytes = await fill(client, gigabytes);
  await client.end();
  await work(cluster, { kind: 'backup', type: 'full' });
  return { repository, bytes };
}

async function writeAndLose() {
  const endpoints = cluster.endpoints(members);
  const writer = new SequencedWriter({ endpoints, credentials, table, pauseMs: 5 });
  await writer.start();
  await delay(seconds * 1000);
  await Promise.all(members.map((name) => cluster.killNode(name)));
  const { acknowledged } = await writer.stop();
  return { acknowledged, atMs: writer.acknowledgedAtMs() };
}

/** Otherwise the restore reads from memory what was written a moment ago. */
function forget(path) {
  execFileSync('sync');
  const dropping = ['-exec', 'dd', 'if={}', 'iflag=nocache', 'count=0', 'status=none', ';'];
  execFileSync('find', [path, '-type', 'f', ...dropping]);
}

/** On the host that is left, with nothing but the place of the repository. */
async function restore(path) {
  const repository = { type: 'posix', path, encrypted: false };
  const secrets = { cipherPass: null, s3Key: null, s3KeySecret: null };
  const source = { stanza: 'demo', repository, secrets };
  const startMs = monotonicMs();
  await cluster.run(spare, {
    kind: 'restore-cluster',
    cluster: 'rescued',
    source,
    target: { kind: 'latest' },
  });
  return (monotonicMs() - startMs) / 1000;
}

async function restoredNumbers() {
  const client = await cluster.connect(spare);
  const { rows } = await client.query(`SELECT n FROM ${table}`);
  await client.end();
  return new Set(rows.map(({ n }) => Number(n)));
}

await inWorkspace(
  async (directory) => {
    const { repository, bytes } = await bringUp(directory);
    say(
      `${(bytes / 1024 ** 3).toFixed(2)} GB are backed up; ${seconds} s of writes, and then every node is killed`,
    );
    const { acknowledged, atMs } = await writeAndLose();
    forget(repository);
    const recoverySeconds = await restore(repository);
    const restored = await restoredNumbers();
    const lost = acknowledged.filter((number) => !restored.has(number));
    const firstLost = acknowledged.findIndex((number) => !restored.has(number));
    const lastKept = acknowledged.findLastIndex((number) => restored.has(number));
    // What is lost is the end and nothing before it: a hole would be a fault.
    const isPrefix = firstLost < 0 || firstLost > lastKept;
    const pointSeconds = lastKept < 0 ? null : ((atMs.at(-1) ?? 0) - (atMs[lastKept] ?? 0)) / 1000;
    const perGigabyte = recoverySeconds / (bytes / 1024 ** 3);
    printTable(
      ['recovery s', 's per GB', 'recovery point s', 'acknowledged', 'lost', 'only the end'],
      [
        [
          recoverySeconds.toFixed(1),
          perGigabyte.toFixed(1),
          pointSeconds === null ? null : pointSeconds.toFixed(1),
          acknowledged.length,
          lost.length,
          isPrefix ? 'yes' : 'NO',
        ],
      ],
    );
    console.log(
      JSON.stringify({
        ...{ bench: 'recovery', bytes, archiveTimeoutSeconds, recoverySeconds, perGigabyte },
        ...{ pointSeconds, acknowledged: acknowledged.length, lost: lost.length, isPrefix },
        load: machineLoad(),
      }),
    );
    if (!isPrefix) process.exitCode = 1;
  },
  async () => cluster?.cleanUp(),
);
