import { expect, it } from 'vitest';
import { type CountedStatement, nothing, type StatementLook, spentBetween, tellableText } from './deltas.ts';

const counted = (queryId: string, calls: number, totalMs: number, walBytes = 0): CountedStatement => ({
  ...{ ...nothing, queryId, user: 'app', database: 'app', key: queryId, calls, totalMs, walBytes },
});
const look = (statements: CountedStatement[], given: Partial<StatementLook> = {}): StatementLook => ({
  ...{ since: 'monday', isWhole: true, statements, ...given },
});
const told = (before: StatementLook, now: StatementLook) =>
  spentBetween(before, now).top.map(({ queryId, calls, totalMs }) => [queryId, calls, totalMs]);

it('tells what was spent since, the most first, and nothing of what did not run', () => {
  const before = look([counted('1', 10, 100), counted('2', 10, 100), counted('3', 5, 5)]);
  const now = look([counted('1', 12, 130), counted('2', 20, 500), counted('3', 5, 5)]);
  expect(told(before, now)).toEqual([
    ['2', 10, 400],
    ['1', 2, 30],
  ]);
});

it('counts a statement that is new, or began anew, from its beginning', () => {
  const before = look([counted('1', 10, 100)]);
  expect(told(before, look([counted('1', 3, 30), counted('2', 1, 10)]))).toEqual([
    ['1', 3, 30],
    ['2', 1, 10],
  ]);
});

it('takes no counter for a difference after all of them began anew', () => {
  const now = look([counted('1', 50, 700)], { since: 'tuesday' });
  expect(told(look([counted('1', 10, 100)]), now)).toEqual([['1', 50, 700]]);
});

it('does not count what an incomplete look may have passed over', () => {
  const before = look([counted('1', 10, 100)], { isWhole: false });
  expect(told(before, look([counted('1', 11, 110), counted('2', 900, 9000)]))).toEqual([['1', 1, 10]]);
});

it('adds up what is not among the fifty', () => {
  const many = Array.from({ length: 60 }, (_, at) => counted(String(at), 1, 60 - at, 7));
  const { top, rest } = spentBetween(look([]), look(many));
  expect([top.length, top[0]?.totalMs, rest.calls, rest.totalMs, rest.walBytes]).toEqual([
    50, 60, 10, 55, 70,
  ]);
});

it.each([
  ["ALTER ROLE app PASSWORD 'x'", null],
  ["CREATE SUBSCRIPTION s CONNECTION 'host=a password=b' PUBLICATION p", null],
  ['CREATE USER MAPPING FOR a SERVER s OPTIONS (password $$x$$)', null],
  ['SELECT password FROM people WHERE id = $1', 'SELECT password FROM people WHERE id = $1'],
  ["COMMENT ON TABLE t IS 'a table'", "COMMENT ON TABLE t IS 'a table'"],
])('%s is told as %s', (text, is) => {
  expect(tellableText(text)).toBe(is);
});
