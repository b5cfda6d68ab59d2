import { expect, test } from 'vitest';
import { type Config, changeOf, type Draft, draftOf, newPassphrase, newSchedule, testOf } from './draft.ts';
import { cronOf, whenOf } from './when.ts';

const config: Config = {
  ...{ stanza: 'demo', revision: 3, repository: { type: 'posix', path: '/backups', encrypted: true } },
  impact: {
    ...{ processes: 1, compression: 'zst', lagBytesMax: 1000, loadMax: 4, source: 'prefer-standby' },
  },
  schedules: [
    {
      ...{ id: 'nightly', type: 'incr', cron: '30 1 * * 1-6', timeZone: 'Europe/Berlin', jitterMinutes: 5 },
      ...{ window: null, enabled: true },
    },
  ],
  retention: { fullCount: 4, days: null, tiers: { daily: 0, weekly: 0, monthly: 0, yearly: 0 } },
  drills: { cron: '0 4 * * 6', timeZone: 'Europe/Berlin', checks: [] },
  archiveTimeoutSeconds: 60,
};
const change = (changes: Partial<Draft>, of: Config | null = config) =>
  changeOf({ ...draftOf(of, 'Europe/Berlin'), ...changes }, of);

test('nothing is asked for while nothing is changed', () => {
  // The days of the week are written out, which is another text for the same schedule.
  const schedules = [{ ...config.schedules[0], cron: '30 1 * * 1,2,3,4,5,6' }] as Config['schedules'];
  const plain = { ...config, schedules };
  expect(change({}, plain)).toEqual({ problems: [], intent: null });
});

test('only what was changed is asked for, and what the form does not show stays', () => {
  const { intent } = change({ processes: '3', fullCount: '7' });
  expect(intent).toMatchObject({ repository: null, secrets: null, drills: null });
  expect(intent?.impact).toEqual({ ...config.impact, processes: 3 });
  expect(intent?.retention?.fullCount).toBe(7);
  expect(change({ hasDrills: false }).intent?.drills).toBe('off');
});

test('a first repository needs what it takes to use it', () => {
  expect(change({ path: 'backups' }, null).problems).toEqual([
    'The directory is an absolute path.',
    'An encrypted repository needs a passphrase.',
  ]);
  const typed = { path: '/backups', cipherPass: 'secret', cipherPassAgain: 'other' };
  expect(change(typed, null).problems).toEqual(['The two passphrases differ.']);
  const { intent } = change({ ...typed, cipherPassAgain: 'secret' }, null);
  expect(intent).toMatchObject({
    repository: { type: 'posix', path: '/backups', encrypted: true },
    secrets: { cipherPass: 'secret', s3Key: null, s3KeySecret: null },
    schedules: [{ id: 'weekly-full' }, { id: 'nightly' }],
  });
});

test('keys of a bucket are set anew without the passphrase', () => {
  const s3: Config['repository'] = {
    ...{ type: 's3', path: '/q', bucket: 'b', endpoint: 'e', region: 'r', uriStyle: 'path' },
    ...{ caFile: null, verifyTls: true, encrypted: true },
  };
  const { intent, problems } = change({ s3Key: 'new', s3KeySecret: 'secret' }, { ...config, repository: s3 });
  expect(problems).toEqual([]);
  expect(intent?.secrets).toEqual({ cipherPass: null, s3Key: 'new', s3KeySecret: 'secret' });
  expect(intent?.repository).toBeNull();
});

test('a place is tried as it is typed, with the keys that are typed, and never with a passphrase', () => {
  const draft = draftOf(null, 'UTC');
  expect(testOf(draft)).toBeNull();
  expect(testOf({ ...draft, path: '/backups', cipherPass: 'secret' })).toEqual({
    repository: { type: 'posix', path: '/backups', encrypted: true },
    secrets: { cipherPass: null, s3Key: null, s3KeySecret: null },
  });
  const s3 = { place: 's3', bucket: 'b', endpoint: 'e', region: 'r', s3Key: 'new' } as const;
  expect(testOf({ ...draft, ...s3 })).toMatchObject({
    repository: { bucket: 'b', path: '/quantadb' },
    secrets: { s3Key: 'new', s3KeySecret: null },
  });
});

test('a passphrase that is made here is long, and another one each time', () => {
  expect(newPassphrase()).toMatch(/^([a-z2-9]{5}-){3}[a-z2-9]{5}$/);
  expect(newPassphrase()).not.toBe(newPassphrase());
});

test('what is no number is said, and nothing is asked for', () => {
  expect(change({ fullCount: '0' })).toMatchObject({ intent: null });
  expect(change({ days: 'many' }).problems).toHaveLength(1);
  expect(change({ archiveTimeoutSeconds: '5' }).problems).toEqual(['Archive timeout: 10 to 3600 seconds.']);
});

test.each([
  '30 1 * * *',
  '30 1 * * 0',
  '15 * * * *',
  '0 4 1 * *',
  '30 1 * * 1,3',
  '*/5 * * * *',
  '0 4 L * *',
])('%s is the same after it was shown in the form', (cron) => {
  expect(cronOf(whenOf(cron, 'UTC'))).toBe(cron);
});

test('a new schedule has a name of its own', () => {
  const draft = draftOf(null, 'UTC');
  const first = newSchedule(draft, 'UTC');
  const second = newSchedule({ ...draft, schedules: [...draft.schedules, first] }, 'UTC');
  expect(first.id).not.toBe(second.id);
});

test('a place that only a newer release knows stays as it is, whatever else is changed', () => {
  const repository = { type: 'unknown', kind: 'azure', path: '/demo', encrypted: true } as const;
  const draft = draftOf({ ...config, repository }, 'UTC');
  expect(changeOf(draft, { ...config, repository })).toMatchObject({
    ...{ problems: [], intent: { repository: null } },
  });
  const changed = changeOf({ ...draft, fullCount: '9' }, { ...config, repository });
  expect(changed.intent).toMatchObject({ repository: null, retention: { fullCount: 9 } });
  expect(testOf(draft)).toBeNull();
});

test('a repository moves to another host, and is told from the one of before by its host alone', () => {
  const held = { type: 'host', host: 'a', port: 8500, path: '/b', encrypted: false } as const;
  const before = { ...config, repository: held };
  expect(change({}, before).intent?.repository).toBeNull();
  expect(change({ host: 'b' }, before).intent?.repository).toEqual({ ...held, host: 'b' });
  expect(testOf({ ...draftOf(before, 'UTC') })).toBeNull();
});
