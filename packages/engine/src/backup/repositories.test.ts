import { describe, expect, it } from 'vitest';
import { backupConfigSchema } from '../contract/backup.ts';
import { configFor, isSamePlace, numbersOf, schedulesOf, withoutSecrets } from './repositories.ts';
import { dueBackup } from './schedule.ts';

const secrets = { cipherPass: null, s3Key: null, s3KeySecret: null };
const daily = { id: 'daily', type: 'incr', cron: '0 1 * * *', timeZone: 'UTC' };
const config = backupConfigSchema.parse({
  ...{ stanza: 'demo', revision: 3, drills: null, archiveTimeoutSeconds: 60, impact: {}, retention: {} },
  repository: { type: 'posix', path: '/one' },
  secrets: { ...secrets, cipherPass: 'first secret' },
  schedules: [
    { ...daily, repository: 'each' },
    { ...daily, id: 'weekly', type: 'full', cron: '0 1 * * 0', repository: 2 },
  ],
  further: [
    {
      number: 2,
      repository: { type: 'posix', path: '/two' },
      secrets: { ...secrets, cipherPass: 'second secret' },
      retention: { fullCount: 9 },
    },
  ],
});

describe('several repositories', () => {
  it('are each looked at as if there was no other', () => {
    expect(numbersOf(config)).toEqual([1, 2]);
    expect(configFor(config, 1)).toMatchObject({ repository: { path: '/one' } });
    expect(configFor(config, 1)).not.toHaveProperty('further');
    expect(configFor(config, 2)).toMatchObject({
      ...{ stanza: 'demo', repository: { path: '/two' }, retention: { fullCount: 9 } },
      secrets: { cipherPass: 'second secret' },
    });
    expect(configFor(config, 3)).toBeNull();
  });

  it('are shown without a secret of any of them', () => {
    expect(JSON.stringify(withoutSecrets(config))).not.toContain('secret');
  });

  it('are filled by a schedule for each, every one with a slot of its own', () => {
    const schedules = schedulesOf(config);
    expect(schedules.map(({ id, repository }) => [id, repository])).toEqual([
      ['daily', undefined],
      ['daily.2', 2],
      ['weekly', 2],
    ]);
    const servedMs = { daily: 0, 'daily.2': 0, weekly: 0 };
    const at = { nowMs: Date.UTC(2026, 10, 29, 2), clusterId: 'c' };
    const first = dueBackup(schedules, { servedMs }, at);
    expect(first).toMatchObject({ type: 'full', repository: 2 });
    expect(first?.serves.map(({ scheduleId }) => scheduleId)).toEqual(['weekly', 'daily.2']);
    const slots = Object.fromEntries(first?.serves.map((each) => [each.scheduleId, each.slotMs]) ?? []);
    const second = dueBackup(schedules, { servedMs: { ...servedMs, ...slots } }, at);
    expect(second).toMatchObject({ type: 'incr', repository: 1, scheduleId: 'daily' });
  });

  it('are in different places', () => {
    const s3 = { type: 's3', path: '/a', bucket: 'b', endpoint: 'e', region: 'r' } as const;
    const bucket = { ...s3, uriStyle: 'host', caFile: null, verifyTls: true, encrypted: false } as const;
    expect(isSamePlace(bucket, { ...bucket, encrypted: true })).toBe(true);
    expect(isSamePlace(bucket, { ...bucket, bucket: 'c' })).toBe(false);
    expect(isSamePlace(config.repository, { type: 'posix', path: '/one', encrypted: true })).toBe(true);
    expect(isSamePlace(config.repository, { type: 'posix', path: '/two', encrypted: false })).toBe(false);
  });
});
