import { expect, test } from 'vitest';
import { firstMissingSegment, judgeRewind, needsRecovery, startOfReplay } from './rewind-outcome.ts';

const compared = [
  'pg_rewind: connected to server',
  'pg_rewind: servers diverged at WAL location 0/30000A0 on timeline 2',
  'pg_rewind: rewinding from last common checkpoint at 0/2000060 on timeline 2',
  'pg_rewind: reading source file list',
  'pg_rewind: reading target file list',
  'pg_rewind: reading WAL in target',
];
const copying = 'pg_rewind: need to copy 61 MB (total source directory size is 77 MB)';
const done = ['pg_rewind: creating backup label and updating control file', 'pg_rewind: Done!'];
const words = (...lines: string[]) => lines.join('\n');
const judge = (code: number | null, text: string) => judgeRewind({ code, words: text, copiedBytes: 5 });

test('a rewind that says that it is done has rewound to the fork', () => {
  expect(judge(0, words(...compared, copying, ...done))).toEqual({
    kind: 'rewound',
    forkLsn: '0/30000A0',
    copiedBytes: 5,
  });
});

test('an error before anything was copied leaves the data as it was', () => {
  const error = 'pg_rewind: error: could not find previous WAL record at 0/2000060: missing segment';
  expect(judge(1, words(...compared.slice(0, 2), error))).toEqual({
    kind: 'untouched',
    reason: error,
    mayPass: false,
  });
});

test('a connection that fails is worth another attempt', () => {
  const error =
    'pg_rewind: error: connection to server at "10.0.0.2", port 5432 failed: FATAL:  sorry, too many clients already';
  expect(judge(1, error)).toMatchObject({ kind: 'untouched', mayPass: true });
});

test('I-REWIND-1: whatever goes wrong once copying has begun leaves data that must not be started', () => {
  const error = 'pg_rewind: error: could not fetch file list: server closed the connection unexpectedly';
  expect(judge(1, words(...compared, copying, error))).toMatchObject({ kind: 'broken', reason: error });
});

test('I-REWIND-1: an end that pg_rewind does not explain counts as broken', () => {
  expect(judge(null, words(...compared))).toMatchObject({ kind: 'broken' });
  expect(judge(0, words(...compared))).toMatchObject({ kind: 'broken' });
  expect(judge(1, '')).toMatchObject({ kind: 'broken', reason: 'pg_rewind gave no reason' });
});

test('a rewind that finds nothing to do is no rewind', () => {
  expect(judge(0, words(...compared.slice(0, 2), 'pg_rewind: no rewind required'))).toMatchObject({
    kind: 'untouched',
    mayPass: false,
  });
});

test('crash recovery comes first unless the shutdown checkpoint or the pages tell where the WAL ends', () => {
  const control = (clusterState: string, minRecoveryEndLsn = '0/0') => ({ clusterState, minRecoveryEndLsn });
  expect(needsRecovery(control('shut down'), '0/500')).toBe(false);
  expect(needsRecovery(control('in production'), '0/500')).toBe(true);
  expect(needsRecovery(control('in archive recovery', '0/900'), '0/500')).toBe(true);
  expect(needsRecovery(control('shut down in recovery', '0/501'), '0/500')).toBe(false);
  expect(needsRecovery(control('shut down in recovery', '0/500'), '0/500')).toBe(true);
  expect(needsRecovery(control('shut down in recovery', '0/900'), null)).toBe(true);
});

test('replay begins where the backup label says', () => {
  const label =
    'START WAL LOCATION: 0/2000028 (file 000000020000000000000002)\nCHECKPOINT LOCATION: 0/2000060\n';
  expect(startOfReplay(label)).toBe('0/2000028');
  expect(startOfReplay('')).toBeNull();
});

test('a segment that is on no timeline is missed', () => {
  const range = { fromLsn: '0/2000028', toLsn: '0/40000A0', segmentBytes: 16 * 1024 * 1024 };
  const names = ['000000020000000000000002', '000000030000000000000004', '00000003.history'];
  expect(firstMissingSegment(range, names)).toBe('0000000000000003');
  expect(firstMissingSegment(range, [...names, '000000020000000000000003'])).toBeNull();
});
