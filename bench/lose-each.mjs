// Two data nodes and a witness: each of the three is lost in turn (its daemon, reaper and PostgreSQL are killed), for `strict` and
// `available` durability, under writers. Table on stderr, JSON on stdout; ends with 1 when an acknowledged row is missing.
//
//   npm run bench -- lose-each [rounds=3]

import { setTimeout as delay } from 'node:timers/promises';
import { credentials, RealCluster } from '../apps/node-daemon/dist/testing/real-cluster.js';
import { machineLoad, median, monotonicMs, printTable, say } from './lib/figures.mjs';
import { inWorkspace } from './lib/workspace.mjs';
import { Writers } from './lib/writers.mjs';

const rounds = Number(process.argv.slice(2).find((each) => /^\d+$/.test(each)) ?? 3);
const data = ['node-1', 'node-2'];
const witness = 'witness-1';
/** So long the cluster gets to go on by itself before the lost one comes back. */
const awayMs = 6000;
const syncTimeoutMs = 2000;

let cluster = null;
let prefix = 0;

const victimOf = (role, primary) =>
  ({ primary, standby: data.find((name) => name !== primary), witness })[role];

async function lose(role, strictness) {
  await cluster.untilHealthy();
  await cluster.until(
    'decided elsewhere',
    ({ raft, primary }) => raft.leader !== null && raft.leader !== primary,
  );
  const primary = (await cluster.primary()).name;
  const victim = victimOf(role, primary);
  prefix += 1;
  const endpoints = cluster.endpoints(data);
  const writers = new Writers({ count: 4, prefix: `lost${prefix}`, endpoints, credentials, pauseMs: 2 });
  await writers.start();
  await delay(1000);
  const lostMs = monotonicMs();
  await cluster.killNode(victim);
  await delay(awayMs);
  const whileAway = writers.longestPauseMs(lostMs, monotonicMs());
  const goesOn = writers.aliveSince(monotonicMs() - 1000) > 0;
  await cluster.startDaemon(victim);
  const healthy = await cluster.untilHealthy();
  const client = await cluster.connect(healthy.primary);
  const { acknowledged, lost } = await writers.verify(client);
  await writers.drop(client);
  await client.end();
  const failover = healthy.primary === primary ? 'no failover' : 'the other one is primary';
  return { role, strictness, failover, goesOn, pauseMs: whileAway, acknowledged, lost };
}

await inWorkspace(
  async () => {
    cluster = await RealCluster.create([...data, witness], { witnesses: [witness] });
    await cluster.startAll();
    await cluster.form('node-1', ['node-2', witness]);
    const results = [];
    for (const strictness of ['strict', 'available']) {
      const durability = { mode: 'quorum', strictness, syncTimeoutMs };
      await cluster.run('node-1', { kind: 'set-durability', durability });
      for (let round = 0; round < rounds; round += 1)
        for (const role of ['primary', 'standby', 'witness']) {
          const result = await lose(role, strictness);
          results.push(result);
          say(
            `${strictness}, ${role}: ${result.failover}, ${Math.round(result.pauseMs)} ms, ${result.lost} lost`,
          );
        }
    }
    const groups = new Map();
    for (const each of results) {
      const name = `${each.strictness}: ${each.role} lost`;
      groups.set(name, [...(groups.get(name) ?? []), each]);
    }
    printTable(
      ['', 'outcome', 'writes while it is away', 'longest without one, ms', 'acknowledged', 'lost'],
      [...groups].map(([name, each]) => [
        ...[name, [...new Set(each.map(({ failover }) => failover))].join(' / ')],
        each.every(({ goesOn }) => goesOn)
          ? 'go on'
          : each.some(({ goesOn }) => goesOn)
            ? 'both seen'
            : 'wait for it',
        Math.round(median(each.map(({ pauseMs }) => pauseMs))),
        ...['acknowledged', 'lost'].map((key) => each.reduce((sum, one) => sum + one[key], 0)),
      ]),
    );
    console.log(JSON.stringify({ bench: 'lose-each', load: machineLoad(), results }));
    if (results.some(({ lost }) => lost > 0)) process.exitCode = 1;
  },
  async () => cluster?.cleanUp(),
);
