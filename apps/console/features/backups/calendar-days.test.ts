import { expect, test } from 'vitest';
import { addMonths, dateOf, entriesOf, weeksOf } from './calendar-days.ts';
import type { Overview } from './prepare.ts';

const backup = (label: string, type: string, at: string, unusable: string | null = null) => ({
  ...{ label, type, stopMs: Date.parse(at), unusable },
});
const overview = {
  repository: {
    backups: [
      backup('A', 'full', '2026-11-01T23:30:00Z'),
      backup('B', 'incr', '2026-11-03T01:30:00Z', 'WAL is missing'),
    ],
  },
  pastJobs: [
    {
      ...{
        id: 'drill',
        work: { kind: 'drill' },
        state: 'done',
        endedAtMs: Date.parse('2026-11-04T04:00:00Z'),
      },
      result: { kind: 'drill', drill: { findings: [{ what: 'rows', ok: false, detail: 'none' }] } },
    },
  ],
  nextRuns: [{ scheduleId: 'nightly', what: 'incr', atMs: [Date.parse('2026-11-29T01:30:00Z')] }],
} as unknown as Overview;
const event = (id: number, message: string) => {
  return { id, at: '2026-11-05T01:30:00Z', kind: 'backup-ended', severity: 'critical', message };
};

test('a day has what ended on it by the clocks of the zone that is shown', () => {
  const entries = entriesOf(overview, []);
  const days = (zone: string) =>
    weeksOf('2026-11', entries, zone)
      .flat()
      .filter((day) => day.entries.length > 0)
      .map((day) => [day.date, day.entries.map(({ kind }) => kind).join()]);
  expect(days('UTC')).toEqual([
    ['2026-11-01', 'full'],
    ['2026-11-03', 'damaged'],
    ['2026-11-04', 'damaged'],
    ['2026-11-29', 'planned'],
  ]);
  expect(days('Europe/Berlin')[0]).toEqual(['2026-11-02', 'full']);
});

test('what failed is there, and what a verification found is not said twice', () => {
  const events = [
    event(1, 'A full backup failed: the repository is full'),
    event(2, 'A restore drill found: rows: none'),
  ];
  const failed = entriesOf(overview, events).filter(({ kind }) => kind === 'failed');
  expect(failed.map(({ words }) => words)).toEqual(['A full backup failed: the repository is full']);
});

test('a month is shown in whole weeks from Monday on', () => {
  const weeks = weeksOf('2026-11', [], 'UTC');
  expect(weeks).toHaveLength(6);
  expect(weeks[0]?.[0]).toMatchObject({ date: '2026-10-26', isInMonth: false });
  expect(weeks[0]?.[6]).toMatchObject({ date: '2026-11-01', isInMonth: true });
  expect(addMonths('2026-11', 2)).toBe('2027-01');
  expect(dateOf(0, 'America/New_York')).toBe('1969-12-31');
});
