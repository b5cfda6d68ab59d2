import { expect, test } from 'vitest';
import {
  factsOf,
  gapWords,
  type Overview,
  provenOf,
  recoveryPointOf,
  relativesOf,
  type StoredBackup,
  stateOf,
  stillRestorable,
  totalBytesOf,
  verifiedOf,
} from './prepare.ts';

const nowMs = 1_000_000;
const overview = (newestAgoMs: number | null, arrivedAgoMs: number | null, isFailing = false) =>
  ({
    config: { archiveTimeoutSeconds: 60 },
    repository: {
      newest: { lsn: '0/1', atMs: newestAgoMs === null ? null : nowMs - newestAgoMs },
      gaps: [{ kind: 'missing', resumesWith: 'B' }],
    },
    archiving: {
      lastAtMs: arrivedAgoMs === null ? null : nowMs - arrivedAgoMs,
      failingSinceMs: isFailing ? nowMs - 1 : null,
    },
  }) as unknown as Overview;

test('the recovery point is as old as the newest commit, or as WAL that has arrived since', () => {
  expect(recoveryPointOf(overview(5000, 60_000), nowMs)).toMatchObject({ tone: 'good', ageMs: 5000 });
  expect(recoveryPointOf(overview(600_000, 20_000), nowMs)).toMatchObject({ tone: 'good', ageMs: 20_000 });
});

test('it is not as agreed when archiving fails, whatever arrived before', () => {
  const point = recoveryPointOf(overview(600_000, 20_000, true), nowMs);
  expect(point).toMatchObject({ tone: 'critical', ageMs: 600_000 });
  expect(point.words).toContain('10 min');
  expect(recoveryPointOf(overview(120_000, null), nowMs).tone).toBe('warning');
});

test('what arrives behind a gap that no backup follows counts for nothing', () => {
  const cut = { ...overview(20_000, 1000) };
  const repository = { ...cut.repository, gaps: [{ kind: 'missing', resumesWith: null }] };
  const point = recoveryPointOf({ ...cut, repository } as unknown as Overview, nowMs);
  expect(point).toMatchObject({ tone: 'critical', ageMs: 20_000 });
  expect(point.words).toContain('missing or damaged');
});

test('without a complete backup, or a repository that can be read, nothing could be restored', () => {
  const none = { ...overview(1, 1), repository: { newest: null } } as unknown as Overview;
  expect(recoveryPointOf(none, nowMs)).toMatchObject({ tone: 'critical', ageMs: null });
  const away = { ...overview(1, 1), repository: null, problem: 'it is full' } as Overview;
  expect(recoveryPointOf(away, nowMs).words).toBe('it is full');
});

test('how much will be copied is told from percent and bytes, once they say enough', () => {
  expect(totalBytesOf({ percent: 25, bytesDone: 100 })).toBe(400);
  expect(totalBytesOf({ percent: 0.5, bytesDone: 100 })).toBeNull();
  expect(totalBytesOf({ percent: null, bytesDone: null })).toBeNull();
});

test('a backup is verified and proven by what was found of that very backup', () => {
  const seen = {
    lastVerification: {
      endedAtMs: 7,
      result: {
        kind: 'verify',
        verification: {
          backups: [
            { label: 'A', ok: true, checked: 3, valid: 3, problems: [] },
            { label: 'B', ok: false, checked: 3, valid: 2, problems: ['a file is damaged'] },
          ],
        },
      },
    },
    pastJobs: [
      {
        endedAtMs: 9,
        result: {
          kind: 'drill',
          drill: {
            label: 'A',
            restoreMs: 1500,
            recoveryMs: 500,
            findings: [{ what: 'x', ok: true, detail: '' }],
          },
        },
      },
    ],
  } as unknown as Overview;
  expect(verifiedOf(seen, 'A')).toMatchObject({ tone: 'good', atMs: 7 });
  expect(verifiedOf(seen, 'B')).toMatchObject({ tone: 'critical', text: 'a file is damaged' });
  expect(verifiedOf(seen, 'C')).toMatchObject({ tone: 'muted', text: 'not yet' });
  expect(provenOf(seen, 'A')).toMatchObject({ tone: 'good', text: 'restored and checked, in 2.0 s' });
  expect(provenOf(seen, 'B').tone).toBe('muted');
});

test('a backup knows what it needs and what needs it', () => {
  const backup = (label: string, references: string[]) => ({ label, references });
  const backups = [backup('A', []), backup('B', ['A']), backup('C', ['A', 'B'])];
  const of = (at: number) => relativesOf({ backups } as never, backups[at] as never);
  expect(of(0)).toEqual({ parents: [], children: ['B', 'C'] });
  expect(of(2)).toEqual({ parents: ['A', 'B'], children: [] });
});

test('a damaged backup is red, one of two damaged copies is a warning, and a drill that failed is not passed over', () => {
  const found = (label: string, valid: number, problem: string) => ({
    ...{ label, ok: false, checked: 3, valid, problems: [problem] },
  });
  const seen = {
    ...{ config: null, servers: [], nextRuns: [] },
    repository: { backups: [], intervals: [] },
    lastVerification: {
      endedAtMs: 1,
      result: {
        kind: 'verify',
        gaps: [],
        verification: { ok: false, backups: [found('A', 2, 'bundle/1'), found('B', 3, 'copies differ')] },
      },
    },
    lastDrill: {
      endedAtMs: nowMs - 60_000,
      result: { kind: 'drill', drill: { restoreMs: 1, recoveryMs: 1, findings: [] } },
    },
    pastJobs: [
      { work: { kind: 'drill' }, state: 'done', detail: '' },
      { work: { kind: 'drill' }, state: 'failed', detail: 'a page is broken' },
    ],
  } as unknown as Overview;
  const backup = (label: string, unusable: string | null = null) =>
    ({ label, unusable, hasPageErrors: false }) as StoredBackup;
  expect(stateOf(seen, backup('A'))).toEqual({ tone: 'critical', text: 'damaged: bundle/1' });
  expect(stateOf(seen, backup('B')).tone).toBe('warning');
  expect(stateOf(seen, backup('C')).tone).toBe('good');
  expect(stateOf(seen, backup('C', 'gone')).text).toBe('cannot be restored: gone');
  const facts = new Map(factsOf(seen, nowMs).map((fact) => [fact.title, fact]));
  expect(facts.get('Last verification')).toMatchObject({ tone: 'critical' });
  expect(facts.get('Last proven restore')).toMatchObject({
    ...{ tone: 'critical', text: '60 s ago; the last drill failed: a page is broken' },
  });
});

test('beside what is damaged stands what can still be restored', () => {
  const moment = (atMs: number) => `at ${atMs}`;
  const interval = (fromMs: number, toMs: number | null, labels: string[], isAbandoned = false) => ({
    ...{ fromMs, toMs, labels, isAbandoned, toLsn: '0/9' },
  });
  const intervals = [interval(1, 5, ['A']), interval(2, 3, ['X'], true), interval(7, null, ['B', 'C'])];
  expect(stillRestorable({ repository: { intervals } } as unknown as Overview, moment)).toEqual([
    'any moment from at 1 to at 5, from A',
    'any moment from at 7 to position 0/9, from B, C',
  ]);
  const nothing = { repository: { intervals: [] } } as unknown as Overview;
  expect(stillRestorable(nothing, moment)).toEqual(['Nothing: make a full backup now.']);
});

test('a gap says whether its segments are gone or damaged', () => {
  const gap = { timeline: 1, segments: 1, fromWal: 'W6', toWal: 'W6', resumesWith: 'B', damaged: ['W6'] };
  expect(gapWords(gap as never)).toBe(
    'Gap on timeline 1: 1 segment, W6, is there but damaged. Restores are possible again from the end of B on.',
  );
  expect(gapWords({ ...gap, segments: 2, toWal: 'W7', resumesWith: null } as never)).toContain(
    '2 segments, W6 to W7, of which W6 is there but damaged. Nothing after it',
  );
});
