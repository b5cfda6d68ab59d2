import { expect, it } from 'vitest';
import { type Waiter, WaitQueue } from './wait-queue.ts';

const waiter = (): Waiter => ({ granted: () => undefined, denied: () => undefined });

it('who has waited in another queue keeps its place and its deadline', () => {
  const queue = new WaitQueue();
  const [early, late, moved] = [waiter(), waiter(), waiter()];
  queue.add(early, 10);
  queue.add(late, 30);
  queue.add(moved, 20);
  expect(queue.oldestSinceMs()).toBe(10);
  expect(queue.takeOlderThan(20)).toEqual([early, moved]);
  expect(queue.take()).toEqual({ waiter: late, sinceMs: 30 });
  expect(queue.length).toBe(0);
});

it('who has waited for long is told why, once', () => {
  const queue = new WaitQueue();
  const [early, late] = [waiter(), waiter()];
  queue.add(early, 10);
  queue.add(late, 30);
  expect([queue.takeUntold(20), queue.takeUntold(20), queue.takeUntold(30)]).toEqual([[early], [], [late]]);
  expect(queue.length).toBe(2);
});
