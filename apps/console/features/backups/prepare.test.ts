import { expect, test } from 'vitest';
import {
  type Overview,
  provenOf,
  recoveryPointOf,
  relativesOf,
  totalBytesOf,
  verifiedOf,
} from './prepare.ts';

const nowMs = 1_000_000;
const overview = (newestAgoMs: number | null, arrivedAgoMs: number | null, isFailing = false) =>
  ({
    config: { archiveTimeoutSeconds: 60 },
    repository: { newest: { lsn: '0/1', atMs: newestAgoMs === null ? null : nowMs - newestAgoMs } },
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
  expect(provenOf(seen, 'A')).toMatchObject({ tone: 'good', text: 'restored and checked, in 2 s' });
  expect(provenOf(seen, 'B').tone).toBe('muted');
});

test('a backup knows what it needs and what needs it', () => {
  const backup = (label: string, references: string[]) => ({ label, references });
  const backups = [backup('A', []), backup('B', ['A']), backup('C', ['A', 'B'])];
  const of = (at: number) => relativesOf({ backups } as never, backups[at] as never);
  expect(of(0)).toEqual({ parents: [], children: ['B', 'C'] });
  expect(of(2)).toEqual({ parents: ['A', 'B'], children: [] });
});
