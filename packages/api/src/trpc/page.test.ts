import { expect, test } from 'vitest';
import { olderThan } from './page.ts';

const moment = '2026-11-29T03:00:00.000Z';
const at = new Date(moment);
const startedAt = (when: Date | { lt: Date }) => ({ startedAt: when });

test('of several elements of one millisecond a page goes on behind the last one of the page before', () => {
  expect(olderThan({}, startedAt)).toEqual({});
  expect(olderThan({ before: moment }, startedAt)).toEqual({ OR: [{ startedAt: { lt: at } }] });
  expect(olderThan({ before: moment, beforeId: 'b' }, startedAt)).toEqual({
    OR: [{ startedAt: { lt: at } }, { startedAt: at, id: { lt: 'b' } }],
  });
});
