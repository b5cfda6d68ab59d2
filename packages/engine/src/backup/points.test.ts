import { expect, test } from 'vitest';
import type { RestorePoint } from '../contract/backup.ts';
import { pointsOf } from './points.ts';
import type { RecoveryPlanInput } from './recovery-plan.ts';

const repository = {
  state: 'ok',
  gaps: [],
  backups: [
    {
      label: 'A',
      type: 'full',
      startLsn: '0/1000',
      stopLsn: '0/2000',
      startMs: 0,
      stopMs: 1000,
      unusable: null,
    },
  ],
  intervals: [
    {
      timeline: 2,
      fromLsn: '0/2000',
      toLsn: '0/8000',
      fromMs: 2000,
      toMs: 8000,
      labels: ['A'],
      isAbandoned: false,
    },
  ],
} as unknown as RecoveryPlanInput['repository'];

const point = (name: string, lsn: string): RestorePoint => ({
  name,
  lsn,
  timeline: 2,
  atMs: 3000,
  by: 'anna',
});

test('a named point before the first backup is lost, one that leads somewhere or is on its way is not', () => {
  const points = [point('too early', '0/1800'), point('release', '0/3000'), point('just now', '0/9000')];
  const state = {
    backup: { points },
    reign: { timeline: 2 },
    timelines: [{ id: 2, parentId: null, forkLsn: null }],
  } as unknown as Parameters<typeof pointsOf>[0]['state'];
  const lost = (known: typeof repository | null) =>
    pointsOf({ state, repository: known, nowMs: 10_000 }).map(({ name, isLost }) => [name, isLost]);
  expect(lost(repository)).toEqual([
    ['too early', true],
    ['release', false],
    ['just now', false],
  ]);
  expect(lost(null).every(([, isLost]) => !isLost)).toBe(true);
});
