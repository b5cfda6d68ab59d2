import { expect, it } from 'vitest';
import { silentLogger } from '../../shared/logger.ts';
import { noTopology } from '../topology.ts';
import { type AskEpoch, EpochProof } from './epoch-proof.ts';

function proofOf(epoch: number, ask: AskEpoch) {
  const now = { ms: 0, epoch };
  const proof = new EpochProof({
    ...{ ask, logger: silentLogger },
    nowMs: () => now.ms,
    topology: () => ({ ...noTopology, epoch: now.epoch }),
  });
  return { now, proof };
}

it('a strong read waits until the router knows the epoch that a majority confirms (I-ROUTER-16)', async () => {
  const { now, proof } = proofOf(3, async () => 4);
  let isProven: boolean | null = null;
  const asked = proof.prove(1000).then((found) => {
    isProven = found;
  });
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(isProven).toBeNull();
  now.epoch = 4;
  await asked;
  expect(isProven).toBe(true);
});

it('and is refused when no majority answers in time', async () => {
  const { now, proof } = proofOf(3, async () => null);
  const asked = proof.prove(100);
  now.ms = 100;
  expect(await asked).toBe(false);
});

it('is proven by a question that was begun after it, one for all who wait', async () => {
  const answers: ((epoch: number) => void)[] = [];
  const { proof } = proofOf(3, () => new Promise((resolve) => answers.push(resolve)));
  const first = proof.prove(1000);
  const settled: number[] = [];
  const later = [1, 2].map((id) => proof.prove(1000).then(() => settled.push(id)));
  answers[0]?.(3);
  expect(await first).toBe(true);
  await new Promise((resolve) => setImmediate(resolve));
  expect([answers.length, settled]).toEqual([2, []]);
  answers[1]?.(3);
  await Promise.all(later);
});
