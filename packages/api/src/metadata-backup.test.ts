import { expect, test } from 'vitest';
import { leftBehind, superfluous } from './metadata-backup.ts';
import { environmentOf, madeAtMs, nameAt } from './metadata-copy.ts';

test('a backup tells by its name when it was made, and nothing else is taken for one', () => {
  const atMs = Date.UTC(2026, 10, 28, 17, 45, 12);
  expect(nameAt(atMs)).toBe('quantadb-metadata-2026-11-28T17-45-12Z.dump');
  expect(madeAtMs(nameAt(atMs))).toBe(atMs);
  expect([`${nameAt(atMs)}.partial`, 'notes.txt'].map(madeAtMs)).toEqual([null, null]);
});

test('the oldest go, and nothing that is not ours', () => {
  const names = [3, 1, 2].map((day) => nameAt(Date.UTC(2026, 0, day)));
  expect(superfluous([...names, 'a.dump'], 2)).toEqual([nameAt(Date.UTC(2026, 0, 1))]);
  expect(superfluous(names, 5)).toEqual([]);
});

test('what was never finished goes too, once nobody can be at it any more', () => {
  const nowMs = Date.UTC(2026, 0, 2);
  const [old, recent] = [3, 1].map((hours) => `${nameAt(nowMs - hours * 3_600_000)}.partial`);
  const names = [old, recent, nameAt(nowMs - 9 * 3_600_000), 'notes.partial'].filter(
    (each) => each !== undefined,
  );
  expect(leftBehind(names, nowMs)).toEqual([old]);
});

test('the password is told where no list of processes shows it', () => {
  expect(environmentOf('postgres://quanta:p%40ss@[::1]:5433/meta?sslmode=verify-full')).toEqual({
    ...{ PGHOST: '::1', PGPORT: '5433', PGUSER: 'quanta', PGPASSWORD: 'p@ss', PGDATABASE: 'meta' },
    PGSSLMODE: 'verify-full',
  });
  expect(environmentOf('postgres:///meta?host=/run/postgresql')).toEqual({
    ...{ PGHOST: '/run/postgresql', PGDATABASE: 'meta' },
  });
});
