// Cuts the network between three hosts (namespaces of their own) in every shape, while every node is written to and read.
// Needs root and nftables. Table on stderr, JSON on stdout: who is primary afterwards, milliseconds without an acknowledged
// write (while the network was cut / until all was well), reads that each node answered meanwhile, and what is wrong.
//
//   npm run bench -- partitions [--only=<words of a shape's name>]

import { PartitionRun } from '../apps/node-daemon/dist/testing/partition-run.js';
import { shapes } from '../apps/node-daemon/dist/testing/partition-shapes.js';

const only = process.argv.find((each) => each.startsWith('--only='))?.slice('--only='.length) ?? '';
const widths = [40, 12, 20, 18, 20, 24];

function say(columns) {
  const padded = columns.map((text, index) => String(text).padEnd(widths[index] ?? 0));
  process.stderr.write(`${padded.join(' ').trimEnd()}\n`);
}

function wrongs({ missing, late, shared, timelines, tables }) {
  const counted = Object.entries({ missing, late, shared, timelines: timelines - 1, tables: tables - 1 });
  const found = counted.filter(([, count]) => count > 0).map(([name, count]) => `${count} ${name}`);
  return found.join(', ') || 'nothing';
}

function report(result) {
  const { shape, primaryBefore, primaryAfter, withoutWritesMs, healthyAfterMs, readsWhileCut } = result;
  const outcome = primaryBefore === primaryAfter ? 'no failover' : 'failover';
  const reads = Object.values(readsWhileCut).join(' / ');
  say([
    ...[shape, outcome, `${withoutWritesMs.cut} / ${withoutWritesMs.all}`],
    ...[healthyAfterMs, reads, wrongs(result)],
  ]);
}

const run = await PartitionRun.create(['node-1', 'node-2', 'node-3']);
try {
  const results = [];
  say(['shape', 'outcome', 'without writes, ms', 'healthy after, ms', 'reads of each', 'wrong']);
  for (const shape of shapes.filter(({ name }) => name.includes(only))) {
    const result = await run.play(shape);
    results.push(result);
    report(result);
  }
  console.log(JSON.stringify({ acknowledged: run.checker.count(), results }));
} finally {
  await run.cleanUp();
}
process.exit(0);
