import { bugs } from './bugs.ts';
import { faultNames } from './faults.ts';
import { pairOf, stages } from './nemesis.ts';
import { type RunOutcome, runSeed } from './run.ts';

/** `npm run sim -- [--seed N] [--seeds N] [--events N] [--bug name]`: see `usage`. */

const usage = `Usage: npm run sim -- [options]
  --seed N      run this seed and print its trace
  --seeds N     run seeds 1 to N (default 20)
  --from N      first seed of a longer run (default 1)
  --events N    go on with the next seeds until so many events have happened
  --bug NAME    with a planted bug: ${Object.keys(bugs).join(', ')}`;

function option(name: string): string | undefined {
  const position = process.argv.indexOf(`--${name}`);
  return position < 0 ? undefined : process.argv[position + 1];
}

function number(name: string, otherwise: number): number {
  const value = Number(option(name) ?? otherwise);
  if (Number.isSafeInteger(value) && value > 0) return value;
  process.stderr.write(`${usage}\n`);
  process.exit(2);
}

function report(outcome: RunOutcome, withTrace: boolean): void {
  const { seed, mode, dataNodes, events, violation } = outcome;
  if (withTrace || violation) process.stdout.write(`${outcome.trace}\n`);
  const verdict = violation ? `VIOLATED ${violation.message}` : 'kept every promise';
  process.stdout.write(`seed ${seed} (${mode}, ${dataNodes} nodes, ${events} events): ${verdict}\n`);
  if (violation)
    process.stdout.write(
      `replay: npm run sim -- --seed ${seed}${option('bug') ? ` --bug ${option('bug')}` : ''}\n`,
    );
}

async function main(): Promise<void> {
  if (process.argv.includes('--help')) {
    process.stdout.write(`${usage}\n`);
    return;
  }
  const bugName = option('bug');
  const bug = bugName === undefined ? undefined : bugs[bugName];
  if (bugName !== undefined && !bug) {
    process.stderr.write(`${usage}\n`);
    process.exitCode = 2;
    return;
  }
  const only = option('seed') === undefined ? null : number('seed', 1);
  const first = only ?? number('from', 1);
  const wantedEvents = option('events') === undefined ? 0 : number('events', 1);
  const last = only ?? first + number('seeds', 20) - 1;
  const startedMs = performance.now();
  const sum = {
    seeds: 0,
    events: 0,
    simulatedMs: 0,
    acknowledged: 0,
    promotions: 0,
    operations: 0,
    cancelledWaits: 0,
    appended: 0,
    reads: 0,
    violations: 0,
  };
  const visited = new Set<string>();
  let slowestRecoveryMs = 0;
  for (let seed = first; seed <= last || sum.events < wantedEvents; seed += 1) {
    const outcome = await runSeed({ seed, ...(bug ? { bug: bug() } : {}) });
    sum.seeds += 1;
    sum.violations += outcome.violation ? 1 : 0;
    for (const key of [
      'events',
      'simulatedMs',
      'acknowledged',
      'promotions',
      'operations',
      'cancelledWaits',
      'appended',
      'reads',
    ] as const)
      sum[key] += outcome[key];
    for (const key of outcome.visited.keys()) visited.add(key);
    slowestRecoveryMs = Math.max(slowestRecoveryMs, outcome.recoveredAfterMs ?? 0);
    if (outcome.violation || only !== null) report(outcome, only !== null);
    if (outcome.violation && bug) break;
  }
  const seconds = (performance.now() - startedMs) / 1000;
  const { simulatedMs, ...counts } = sum;
  const pairs = stages.flatMap((stage) => faultNames.map((fault) => pairOf(stage, fault)));
  const unvisited = pairs.filter((pair) => !visited.has(pair));
  process.stdout.write(
    `${JSON.stringify({ ...counts, simulatedHours: +(simulatedMs / 3_600_000).toFixed(2), eventsPerSecond: Math.round(sum.events / seconds), statesTimesFaults: { of: pairs.length, unvisited }, slowestRecoveryMs: Math.round(slowestRecoveryMs), tookSeconds: +seconds.toFixed(1) })}\n`,
  );
  process.exitCode = sum.violations > 0 ? 1 : 0;
}

await main();
process.exit();
