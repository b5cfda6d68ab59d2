import { describe, expect, it } from 'vitest';
import { diceOf, fuzzTargets, mutated, worstStatements } from './fuzz-targets.ts';

const inputs = 1500;

describe('what strangers send', () => {
  for (const { name, seeds, run } of fuzzTargets) {
    it(`is read without harm: ${name}`, () => {
      const dice = diceOf(20_261_128);
      for (const seed of seeds) run(seed);
      for (let i = 0; i < inputs; i++) run(mutated(seeds, dice));
    });
  }

  it('is a statement that is read in time that grows with its length only', () => {
    const statements = fuzzTargets.find(({ name }) => name === 'statements');
    const timeOf = (bytes: Buffer) => {
      // Of this process alone: what else the machine does is not the statement's doing.
      const since = process.cpuUsage();
      statements?.run(bytes);
      return process.cpuUsage(since).user / 1000;
    };
    const [small, large] = [worstStatements(1 << 14), worstStatements(1 << 17)];
    const slow = small.flatMap((bytes, index) => {
      const [shortMs, longMs] = [timeOf(bytes), timeOf(large[index] ?? bytes)];
      // Eight times as long; what grows with the square takes sixty-four times as long.
      return longMs > 200 && longMs > 32 * shortMs
        ? [`${bytes.toString('latin1', 0, 12)}: ${longMs} ms`]
        : [];
    });
    expect(slow).toEqual([]);
  });
});
