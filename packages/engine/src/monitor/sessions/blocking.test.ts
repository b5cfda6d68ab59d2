import { expect, it } from 'vitest';
import { blockingForest, type Waiting } from './blocking.ts';

const session = (pid: number, ...blockedBy: number[]): Waiting => ({ pid, blockedBy });
const drawn = (sessions: Waiting[]) =>
  blockingForest(sessions).map(({ depth, pid, waiting }) => `${'  '.repeat(depth)}${pid} (${waiting})`);

it('is empty while nobody waits', () => {
  expect(blockingForest([session(1), session(2)])).toEqual([]);
});

it('puts who has to end first on top, and the one that most wait for before the others', () => {
  const sessions = [session(1), session(2, 1), session(3), session(4, 3), session(5, 4), session(6, 4)];
  expect(drawn(sessions)).toEqual(['3 (3)', '  4 (2)', '    5 (0)', '    6 (0)', '1 (1)', '  2 (0)']);
});

it('shows a session that waits for several once, under the one nearest to a root, with the others named', () => {
  const lines = blockingForest([session(1), session(2, 1), session(3, 2, 1)]);
  expect(lines.map(({ pid, depth }) => [pid, depth])).toEqual([
    [1, 0],
    [2, 1],
    [3, 1],
  ]);
  expect(lines[2]?.alsoBlockedBy).toEqual([2]);
});

it('knows a knot, and ends', () => {
  const lines = blockingForest([session(1, 2), session(2, 1), session(3, 2)]);
  expect(lines.map(({ pid, depth, isKnot }) => [pid, depth, isKnot])).toEqual([
    [1, 0, true],
    [2, 1, false],
    [3, 2, false],
  ]);
  expect(lines[0]?.alsoBlockedBy).toEqual([2]);
});

it('has for a root also whom it knows nothing of: a prepared transaction, a session that was left out', () => {
  expect(drawn([session(2, 0), session(3, 99)])).toEqual(['0 (1)', '  2 (0)', '99 (1)', '  3 (0)']);
});

it('hangs up on no number of sessions', () => {
  const chain = Array.from({ length: 500 }, (_, at) => session(at + 2, at + 1));
  const lines = blockingForest(chain);
  expect(lines).toHaveLength(501);
  expect(lines[0]).toMatchObject({ pid: 1, waiting: 500 });
  expect(lines.at(-1)?.depth).toBe(500);
});
