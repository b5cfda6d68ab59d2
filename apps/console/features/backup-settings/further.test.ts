import { expect, test } from 'vitest';
import { type Config, type Draft, draftOf } from './draft.ts';
import { furtherChangeOf, nextNumber, seenFrom, takeOffOf } from './further.ts';

const retention = { fullCount: 4, days: null, tiers: { daily: 0, weekly: 0, monthly: 0, yearly: 0 } };
const second = {
  number: 2,
  repository: { type: 'posix', path: '/far', encrypted: true },
  retention,
} as const;
const config: Config = {
  ...{ stanza: 'demo', revision: 3, repository: { type: 'posix', path: '/near', encrypted: false } },
  impact: {
    ...{ processes: 1, compression: 'zst', lagBytesMax: 1000, loadMax: 4, source: 'prefer-standby' },
  },
  ...{ schedules: [], retention, drills: null, archiveTimeoutSeconds: 60, further: [second] },
};

function change(number: number, changes: Partial<Draft>) {
  const known = seenFrom(config, number);
  return furtherChangeOf({ ...draftOf(known, 'UTC'), ...changes }, { known, number });
}

test('the lowest free number is next, up to four in all', () => {
  expect(nextNumber({})).toBe(2);
  expect(nextNumber(config)).toBe(3);
  const further = [2, 3, 4].map((number) => ({ ...second, number }));
  expect(nextNumber({ further })).toBeNull();
});

test('of a known one only what differs is asked for; the first one and its settings are not touched', () => {
  expect(change(2, {})).toEqual({ problems: [], intent: null });
  const { intent } = change(2, { fullCount: '9' });
  expect(intent).toMatchObject({ number: 2, repository: null, secrets: null, schedules: null, drills: null });
  expect(intent?.retention?.fullCount).toBe(9);
});

test('a new one needs a place and, encrypted, a passphrase', () => {
  expect(change(3, { path: 'x' }).problems).toEqual([
    'The directory is an absolute path.',
    'An encrypted repository needs a passphrase.',
  ]);
  const { intent } = change(3, { path: '/x', isEncrypted: false });
  expect(intent).toMatchObject({ number: 3, repository: { type: 'posix', path: '/x', encrypted: false } });
});

test('taking one off names it and nothing else', () => {
  expect(takeOffOf(2)).toMatchObject({ number: 2, takeOff: true, repository: null, retention: null });
});

test('one on the disk of a host needs the host and a port that an unprivileged user opens', () => {
  const wanted = { place: 'host', path: '/backups', isEncrypted: false } as const;
  expect(change(3, wanted).problems).toEqual(['Choose the host on whose disk it is.']);
  expect(change(3, { ...wanted, host: 'witness-1', port: '80' }).problems).toEqual(['Port: 1024 to 65535.']);
  expect(change(3, { ...wanted, host: 'witness-1' }).intent).toMatchObject({
    number: 3,
    repository: { type: 'host', host: 'witness-1', port: 8432, path: '/backups', encrypted: false },
  });
});
