import { describe, expect, test } from 'vitest';
import { bugs, catchingSeed } from './bugs.ts';
import { runSeed } from './run.ts';

const seedsMax = 300;
const minutesMs = 60_000;

/** The seed that is known to catch it first, then every other one up to the limit. */
function* seedsFor(name: string): Generator<number> {
  const known = catchingSeed[name];
  if (known !== undefined) yield known;
  for (let seed = 1; seed <= seedsMax; seed += 1) if (seed !== known) yield seed;
}

describe(`every planted bug is caught within the seeds 1 to ${seedsMax}`, () => {
  for (const [name, plant] of Object.entries(bugs)) {
    test(name, { timeout: 10 * minutesMs }, async () => {
      for (const seed of seedsFor(name)) {
        const { violation } = await runSeed({ seed, bug: plant() });
        if (!violation) continue;
        expect(violation.invariant, violation.message).not.toBe('MODEL');
        return;
      }
      expect.fail(`no seed up to ${seedsMax} catches it`);
    });
  }
});
