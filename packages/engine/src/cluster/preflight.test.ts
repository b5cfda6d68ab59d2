import { expect, test } from 'vitest';
import { compareVersions, judgeHost, type Preflight } from './preflight.ts';

function preflight(
  host: Partial<Preflight['host']> = {},
  primary: Partial<Preflight['primary']> = {},
): Preflight {
  return {
    host: {
      ...{ atMs: 1000, freeBytes: 50e9, postgresVersion: '15.18', collationVersion: 'glibc 2.36' },
      ...{ missingLibraries: [], takenPorts: [] },
      ...host,
    },
    primary: {
      ...{ dataBytes: 10e9, postgresVersion: '15.18', collationVersion: 'glibc 2.36' },
      ...{ sortedDatabases: [], libraries: [] },
      ...primary,
    },
    nowMs: 1000,
  };
}
const refusalsOf = (given: Preflight) => judgeHost('spare-1', given).refusals.join(' ');

test('a host that can hold and run the data is taken without a word', () => {
  expect(judgeHost('spare-1', preflight())).toEqual({ refusals: [], warnings: [] });
});

test('what would make the copy fail is said before it begins, with the next step', () => {
  expect(refusalsOf(preflight({ freeBytes: 11e9 }))).toMatch(/11 GB free .* 12 GB are needed. Make room/);
  expect(refusalsOf(preflight({ takenPorts: [5432] }))).toMatch(
    /Port 5432 .* systemctl disable --now postgresql/,
  );
  expect(refusalsOf(preflight({ postgresVersion: '16.2' }))).toMatch(/Install the same major version/);
  expect(refusalsOf(preflight({ missingLibraries: ['postgis-3'] }))).toMatch(
    /postgis-3\. Install their packages/,
  );
});

test('another C library is refused only where text is sorted by it', () => {
  const other = { collationVersion: 'glibc 2.41' };
  expect(refusalsOf(preflight(other))).toBe('');
  expect(refusalsOf(preflight(other, { sortedDatabases: ['shop'] }))).toMatch(
    /Text in shop .* indexes would be wrong/,
  );
});

test('what is no obstacle is told: a clock that is off, another minor release', () => {
  const { refusals, warnings } = judgeHost('spare-1', preflight({ atMs: 8000, postgresVersion: '15.17' }));
  expect(refusals).toEqual([]);
  expect(warnings.join(' ')).toMatch(/PostgreSQL 15\.17, .* The clock of spare-1 is 7 s ahead/);
});

test('releases are compared number by number', () => {
  expect(compareVersions('15.9', '15.18')).toBeLessThan(0);
  expect(compareVersions('15.18', '15.18')).toBe(0);
  expect(compareVersions('16.0', '15.18')).toBeGreaterThan(0);
});
