import type { ClusterStatus } from '@quantadb/api/client-types';
import { expect, test } from 'vitest';
import type { HeardBriefly } from '../../lib/live.tsx';
import { isHearing, withAsked } from './heard.ts';

const status = (health: string) => ({ name: 'demo', health, nodes: [] }) as unknown as ClusterStatus;
const live = (reportedAtMs: number, heardAtMs: number): [string, HeardBriefly] => [
  'a',
  { clusterId: 'a', name: 'demo', reportedAtMs, heardAtMs, status: { ...status('healthy'), backups: null } },
];
const asked = (reportedAtMs: number, ageMs: number, id = 'a') => {
  return { id, reportedAt: new Date(reportedAtMs).toISOString(), ageMs, status: status('down') };
};

test('a fleet whose live line is lost shows what is answered since, as old as the console says', () => {
  const hourMs = 3_600_000;
  const heard = new Map([live(10_000, 10_000 + hourMs)]);
  const shown = withAsked(heard, [asked(60_000, 2000), asked(20_000, 42_000, 'b')], 62_000 + hourMs);
  expect([...shown].map(([id, each]) => [id, each.status.health, each.heardAtMs - hourMs])).toEqual([
    ['a', 'down', 60_000],
    ['b', 'down', 20_000],
  ]);
});

test('what the live line told later than the answer counts', () => {
  const shown = withAsked(new Map([live(70_000, 70_000)]), [asked(60_000, 2000)], 62_000);
  expect(shown.get('a')?.status.health).toBe('healthy');
});

test('a line that tells of no cluster any more is not listened to alone', () => {
  const fleet = new Map([live(10_000, 10_000)]);
  expect([isHearing(fleet, 15_000), isHearing(fleet, 21_000), isHearing(new Map(), 0)]).toEqual([
    ...[true, false, false],
  ]);
});
