import { expect, it } from 'vitest';
import type { NodeReport } from '../contract/node-report.ts';
import { standbyLag } from './standby-lag.ts';

const standby = (name: string, lagBytes: number, lagMs: number) =>
  ({ name, lagBytes, lagMs }) as NodeReport['standbys'][number];
const report = (name: string, more: Partial<NodeReport>) =>
  [name, { name, streamsFrom: null, standbys: [], ...more } as NodeReport] as const;

it('counts from the primary, through the standby that feeds another one', () => {
  const reports = new Map([
    report('a', { lsn: '0/3000', standbys: [standby('b', 16, 5)] }),
    report('b', { streamsFrom: 'a', lsn: '0/2FF0', standbys: [standby('c', 240, 30)] }),
    report('c', { streamsFrom: 'b', replayLsn: '0/2F00' }),
  ]);
  expect(standbyLag('b', { primary: 'a', reports })).toEqual({ lagBytes: 16, lagMs: 5 });
  expect(standbyLag('c', { primary: 'a', reports })).toEqual({ lagBytes: 256, lagMs: 35 });
  reports.delete('b');
  expect(standbyLag('c', { primary: 'a', reports })).toEqual({ lagBytes: 256, lagMs: null });
  expect(standbyLag('d', { primary: 'a', reports })).toEqual({ lagBytes: null, lagMs: null });
});
