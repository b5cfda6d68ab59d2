// Kills every process of the primary's node, again and again, under a writer. Prints JSON: milliseconds without an
// acknowledged write (median, max), acknowledged rows that are missing afterwards, and how old primaries came back.

import { credentials, RealCluster } from '../apps/node-daemon/dist/testing/real-cluster.js';
import { missingNumbers, SequencedWriter } from '../packages/engine/dist/testing/sequenced-writer.js';

const rounds = Number(process.argv[2] ?? 10);
const names = ['node-1', 'node-2', 'node-3'];
const cluster = await RealCluster.create(names);
let writer;
try {
  await cluster.startAll();
  await cluster.form('node-1', ['node-2', 'node-3']);
  writer = new SequencedWriter({
    endpoints: cluster.endpoints(names),
    credentials,
    table: 'numbers',
    pauseMs: 2,
  });
  await writer.start();
  const pauses = [];
  const returns = [];
  for (let round = 1; round <= rounds; round += 1) {
    const before = await cluster.primary();
    const written = writer.acknowledgedCount();
    await cluster.until('writes', () => writer.acknowledgedCount() > written + 100);
    const killedMs = Number(process.hrtime.bigint()) / 1e6;
    await cluster.killNode(before.name);
    const atKill = writer.acknowledgedCount();
    await cluster.until('writes go on', () => writer.acknowledgedCount() > atKill + 200);
    const pauseMs = writer.longestPauseMs(killedMs);
    const restartedMs = performance.now();
    await cluster.startDaemon(before.name);
    const healed = await cluster.untilHealthy();
    const back = healed.nodes.find((node) => node.name === before.name);
    pauses.push(pauseMs);
    returns.push(performance.now() - restartedMs);
    process.stderr.write(
      `round ${round}: ${before.name} killed, ${Math.round(pauseMs)} ms without writes; back as ${back.role}, ${back.state} after ${Math.round(returns.at(-1))} ms\n`,
    );
  }
  const { acknowledged, inDoubt } = await writer.stop();
  const status = await cluster.untilHealthy();
  const client = await cluster.connect(status.primary);
  const missing = await missingNumbers(client, 'numbers', acknowledged);
  await client.end();
  const timelines = [...new Set(status.nodes.map((node) => node.timeline))];
  const sorted = pauses.toSorted((a, b) => a - b);
  const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
  console.log(
    JSON.stringify({
      rounds,
      withoutWritesMs: {
        median: Math.round(median(sorted)),
        max: Math.round(sorted.at(-1)),
        all: pauses.map(Math.round),
      },
      backAsStandbyMs: { median: Math.round(median(returns)), max: Math.round(Math.max(...returns)) },
      acknowledged: acknowledged.length,
      inDoubt: inDoubt.length,
      acknowledgedButMissing: missing.length,
      timelines,
    }),
  );
} finally {
  await cluster.cleanUp(writer);
}
process.exit(0);
