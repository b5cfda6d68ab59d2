import { expect, test } from 'vitest';
import { faultNames } from './faults.ts';
import { pairOf, stages } from './nemesis.ts';
import { type RunOutcome, runSeed } from './run.ts';

const minutesMs = 60_000;
const seeds = Number(process.env.QUANTADB_SIM_SEEDS ?? 40);

/** What a failing run leaves: the trace up to the violation, and how to see it again. */
function expectKept(outcome: RunOutcome): void {
  const { seed, violation, trace } = outcome;
  if (!violation) return;
  throw new Error(`${trace}\nseed ${seed}: ${violation.message}\nreplay: npm run sim -- --seed ${seed}`);
}

test(`I-LEASE-1, I-SEAL-1, I-SEAL-2, I-ELECT-7, I-LOSS-1, I-LOSS-2, I-TIMELINE-1, I-RAFT-1, I-RAFT-4, I-RAFT-8, I-LIVE-1: ${seeds} clusters keep every promise under every kind of trouble`, {
  timeout: 10 * minutesMs,
}, async () => {
  const visited = new Map<string, number>();
  let acknowledged = 0;
  let appended = 0;
  let reads = 0;
  for (let seed = 1; seed <= seeds; seed += 1) {
    const outcome = await runSeed({ seed });
    expectKept(outcome);
    acknowledged += outcome.acknowledged;
    appended += outcome.appended;
    reads += outcome.reads;
    for (const [pair, times] of outcome.visited) visited.set(pair, (visited.get(pair) ?? 0) + times);
  }
  // A simulator in which nothing happens would keep every promise too.
  expect(acknowledged).toBeGreaterThan(1000 * seeds);
  expect(Math.min(appended, reads)).toBeGreaterThan(20 * seeds);
  const isVisited = (has: (pair: string) => boolean) => [...visited.keys()].some(has);
  for (const stage of stages)
    expect(
      isVisited((pair) => pair.startsWith(`${stage} × `)),
      stage,
    ).toBe(true);
  for (const fault of faultNames)
    expect(
      isVisited((pair) => pair.endsWith(` × ${fault}`)),
      fault,
    ).toBe(true);
  const pairs = stages.flatMap((stage) => faultNames.map((fault) => pairOf(stage, fault)));
  // A long run visits them all; half of the runs know few kinds of trouble.
  expect(pairs.filter((pair) => visited.has(pair)).length / pairs.length).toBeGreaterThan(0.6);
});

test('the same seed gives the same run, event for event', { timeout: minutesMs }, async () => {
  const [first, second] = [await runSeed({ seed: 3 }), await runSeed({ seed: 3 })];
  expect(second.trace).toBe(first.trace);
  expect(second.counts).toEqual(first.counts);
});
