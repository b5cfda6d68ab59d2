import { describe, expect, it } from 'vitest';
import { configureRequest, momentOf, restoreTargetOf, scheduleOf } from './backup-arguments.ts';

describe('a moment', () => {
  it('is taken with an offset, however it is written', () => {
    const expected = Date.parse('2026-11-27T13:00:00Z');
    for (const text of [
      '2026-11-27T13:00:00Z',
      '2026-11-27 13:00:00 UTC',
      '2026-11-27 14:00+01',
      '2026-11-27 14:00:00+01:00',
      '2026-11-27T08:30:00-0430',
    ])
      expect(momentOf(text, undefined)).toBe(expected);
  });

  it('is taken by the clocks of a zone, and never guessed', () => {
    expect(momentOf('2026-07-01 12:00', 'Europe/Berlin')).toBe(Date.parse('2026-07-01T10:00:00Z'));
    expect(momentOf('2026-12-01 12:00', 'Asia/Kathmandu')).toBe(Date.parse('2026-12-01T06:15:00Z'));
    expect(() => momentOf('2026-07-01 12:00', undefined)).toThrow('time zone');
    expect(() => momentOf('2026-10-25 02:30', 'Europe/Berlin')).toThrow('twice');
    expect(() => momentOf('2026-03-29 02:30', 'Europe/Berlin')).toThrow('never was');
    expect(() => momentOf('2026-07-01 12:00', 'Mars/Base')).toThrow('no time zone');
    expect(() => momentOf('yesterday', 'UTC')).toThrow('no moment');
  });
});

describe('a restore target', () => {
  it('is exactly one', () => {
    expect(restoreTargetOf({ latest: true })).toEqual({ kind: 'latest' });
    expect(restoreTargetOf({ lsn: '0/1a', exclusive: true, timeline: '3' })).toEqual({
      ...{ kind: 'lsn', lsn: '0/1A', inclusive: false, timeline: 3 },
    });
    expect(() => restoreTargetOf({})).toThrow('name one target');
    expect(() => restoreTargetOf({ latest: true, xid: '7' })).toThrow('name one target');
    expect(() => restoreTargetOf({ xid: 'seven' })).toThrow('xid');
  });
});

describe('settings', () => {
  it('are changed only where something was given', () => {
    expect(configureRequest({ keepDays: '14' }, {})).toEqual({
      ...{
        kind: 'configure-backup',
        repository: null,
        secrets: null,
        impact: null,
        schedules: null,
        drills: null,
      },
      ...{ archiveTimeoutSeconds: null },
      retention: { fullCount: 4, days: 14, tiers: { daily: 0, weekly: 0, monthly: 0, yearly: 0 } },
    });
  });

  it('are about the first repository, unless another one is named', () => {
    expect(configureRequest({ path: '/one', repository: '1' }, {})).not.toHaveProperty('number');
    expect(configureRequest({ path: '/two', repository: '2' }, {})).toMatchObject({ number: 2 });
    expect(configureRequest({ repository: '2', takeOff: true }, {})).toMatchObject({ takeOff: true });
    expect(() => configureRequest({ takeOff: true }, {})).toThrow('--repository');
    expect(() => configureRequest({ repository: '5' }, {})).toThrow();
    expect(scheduleOf('full 30 1 * * 0 Europe/Berlin repository=each')).toMatchObject({
      ...{ cron: '30 1 * * 0', timeZone: 'Europe/Berlin', repository: 'each' },
    });
    expect(scheduleOf('incr 30 1 * * 1-6 repository=2')).toMatchObject({ timeZone: 'UTC', repository: 2 });
    expect(() => scheduleOf('incr 30 1 * * 1 repository=5')).toThrow('no schedule');
  });

  it('leave what is not named in a part as it was', () => {
    const { impact, retention } = configureRequest(
      { processes: '2', compression: 'lz4', keepFulls: '7' },
      {},
    );
    if (!impact || !retention) throw new Error('something was given');
    const before = { impact, retention };
    const later = configureRequest({ loadMax: '1.5', lagMax: '64MB', keepDays: '3' }, {}, before);
    expect(later.impact).toEqual({ ...impact, loadMax: 1.5, lagBytesMax: 64 * 1024 * 1024 });
    expect(later.retention).toEqual({ ...retention, days: 3 });
    const gentle = configureRequest({ nice: '19', ioPriority: 'idle', loadMax: 'none' }, {}, before);
    expect(gentle.impact).toMatchObject({ processes: 2, nice: 19, ioPriority: 'idle', loadMax: null });
    expect(() => configureRequest({ nice: '20' }, {})).toThrow('nice');
    expect(() => configureRequest({ lagMax: '1TB' }, {})).toThrow('megabytes');
  });

  it('take secrets from the environment, which also says that the repository is encrypted', () => {
    const request = configureRequest({ path: '/repo' }, { QUANTADB_BACKUP_PASSPHRASE: 'p' });
    expect(request.repository).toEqual({ type: 'posix', path: '/repo', encrypted: true });
    expect(request.secrets).toMatchObject({ cipherPass: 'p' });
    expect(configureRequest({ path: '/repo' }, {}).repository).toMatchObject({ encrypted: false });
    expect(() => configureRequest({ s3Bucket: 'b' }, {})).toThrow('--s3-endpoint');
  });

  it('name the host that holds the repository, with its directory and a port of its own', () => {
    const { repository } = configureRequest({ host: 'witness-1', path: '/backups' }, {});
    expect(repository).toEqual({
      ...{ type: 'host', host: 'witness-1', port: 8432, path: '/backups', encrypted: false },
    });
    const other = configureRequest({ host: 'witness-1', path: '/backups', port: '9000' }, {});
    expect(other.repository).toMatchObject({ port: 9000 });
    expect(() => configureRequest({ host: 'witness-1' }, {})).toThrow('--path');
    expect(() => configureRequest({ path: '/backups', port: '9000' }, {})).toThrow('--host');
    expect(() => configureRequest({ host: 'witness-1', path: '/b', port: '80' }, {})).toThrow('port');
  });

  it('have schedules and drills in the words of cron, with a time zone', () => {
    expect(scheduleOf('full 30 1 * * 0 Europe/Berlin')).toEqual({
      ...{ id: 'full-30-1-x-x-0', type: 'full', cron: '30 1 * * 0', timeZone: 'Europe/Berlin' },
    });
    expect(scheduleOf('incr 0 * * * *')).toMatchObject({ timeZone: 'UTC' });
    expect(() => scheduleOf('monthly')).toThrow('no schedule');
    const { drills } = configureRequest({ drills: '0 4 * * 6', drillCheck: ['app: SELECT true'] }, {});
    expect(drills).toEqual({
      cron: '0 4 * * 6',
      timeZone: 'UTC',
      checks: [{ database: 'app', sql: 'SELECT true' }],
    });
    expect(configureRequest({ drills: 'off' }, {}).drills).toBe('off');
    expect(configureRequest({ keep: 'daily=7,monthly=12' }, {}).retention?.tiers).toMatchObject({
      daily: 7,
      monthly: 12,
    });
    expect(() => configureRequest({ keep: 'hourly=7' }, {})).toThrow('no tier');
  });
});
