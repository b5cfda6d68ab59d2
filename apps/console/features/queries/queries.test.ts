import { expect, it } from 'vitest';
import { blocksHitShare, findStatement, keyOf, pointsOf, type Statement, shareOf } from './queries.ts';

const figures = { calls: 60, totalMs: 120, rows: 0, blocksHit: 0, blocksRead: 0, tempBlocks: 0, walBytes: 0 };
const statement: Statement = {
  ...figures,
  queryId: '-7',
  user: 'app',
  database: 'shop',
  meanMs: 2,
  text: null,
};

it('finds a statement again by what the address bar has of it', () => {
  const other = { ...statement, user: 'report' };
  expect(findStatement([other, statement], keyOf(statement))).toBe(statement);
  expect(findStatement([other], keyOf(statement))).toBeNull();
  expect(findStatement([statement], null)).toBeNull();
});

it('takes shares of the whole, and none of nothing', () => {
  expect(shareOf(statement, { ...figures, totalMs: 480 })).toBe(0.25);
  expect(shareOf(statement, { ...figures, totalMs: 0 })).toBe(0);
  expect(blocksHitShare(statement)).toBeNull();
  expect(blocksHitShare({ ...statement, blocksHit: 3, blocksRead: 1 })).toBe(0.75);
});

it('draws by the second, with a gap where nothing was told', () => {
  const at = (minute: number) => new Date(minute * 60_000).toISOString();
  const buckets = [0, 1, 5].map((minute) => ({ ...figures, at: at(minute) }));
  const points = pointsOf({ widthMs: 60_000, buckets }, 'calls', 'calls');
  expect(points).toEqual([
    { atMs: 0, calls: 1 },
    { atMs: 60_000, calls: 1 },
    { atMs: 240_000, calls: null },
    { atMs: 300_000, calls: 1 },
  ]);
  expect(pointsOf({ widthMs: 60_000, buckets }, 'mean', 'mean')[0]).toEqual({ atMs: 0, mean: 2 });
  expect(pointsOf({ widthMs: 60_000, buckets }, 'busy', 'busy')[0]).toEqual({ atMs: 0, busy: 2 });
});
