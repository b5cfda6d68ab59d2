import { expect, test } from 'vitest';
import { NowAndThen } from './now-and-then.ts';

function beatAt(now: { ms: number }) {
  const errors: unknown[] = [];
  const clock = { monotonicMs: () => now.ms } as never;
  return { errors, beat: new NowAndThen({ everyMs: 100, clock, onError: (error) => errors.push(error) }) };
}

test('work is done when it is due, and no sooner', async () => {
  const now = { ms: 0 };
  const { beat } = beatAt(now);
  let count = 0;
  const work = async () => {
    count += 1;
  };
  for (now.ms = 0; now.ms <= 250; now.ms += 10) {
    beat.run(work);
    await new Promise(setImmediate);
  }
  expect(count).toBe(3);
});

test('work that takes longer is not begun a second time', async () => {
  const now = { ms: 0 };
  const { beat } = beatAt(now);
  const ends: (() => void)[] = [];
  const work = () => new Promise<void>((resolve) => ends.push(resolve));
  beat.run(work);
  now.ms = 500;
  beat.run(work);
  expect(ends).toHaveLength(1);
  ends[0]?.();
  await new Promise(setImmediate);
  beat.run(work);
  expect(ends).toHaveLength(2);
});

test('a failure is told, and the work is done again', async () => {
  const now = { ms: 0 };
  const { beat, errors } = beatAt(now);
  beat.run(() => Promise.reject(new Error('it failed')));
  await new Promise(setImmediate);
  expect(errors).toEqual([new Error('it failed')]);
  now.ms = 100;
  let isDone = false;
  beat.run(async () => {
    isDone = true;
  });
  expect(isDone).toBe(true);
});
