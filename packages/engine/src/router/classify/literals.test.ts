import { expect, it } from 'vitest';
import { literalsOf, namesMoment } from './literals.ts';

it('constants are read by what PostgreSQL reports of the session', () => {
  const told = new Map([
    ['TimeZone', 'UTC'],
    ['application_name', 'a'],
  ]);
  const before = literalsOf(told);
  expect(literalsOf(told.set('application_name', 'b'))).toBe(before);
  expect(literalsOf(told.set('TimeZone', 'Europe/Berlin'))).not.toBe(before);
});

it('a time that is worked out at once is found in constants, and nowhere else', () => {
  const names = (text: string) => namesMoment(Buffer.from(text), false);
  for (const text of [
    "SELECT 'now'::timestamp",
    "SELECT date ' Today '",
    'SELECT $a$12:00 tomorrow$a$::timestamp',
  ])
    expect(names(text), text).toBe(true);
  for (const text of [
    "SELECT 'a' WHERE at < now() AND b = 'c'",
    `SELECT "today" FROM t`,
    "SELECT 'nowhere'",
    "-- 'now'\nSELECT 1",
  ])
    expect(names(text), text).toBe(false);
});
