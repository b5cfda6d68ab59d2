import { expect, test } from 'vitest';
import { configureCommand } from './configure-command.ts';
import type { Intent } from './intent.ts';

type Configure = Extract<Intent, { kind: 'configure-backup' }>;

const nothing: Configure = { kind: 'configure-backup' };

test('what is confirmed is what the command does: places, schedules with their repository, tiers, checks', () => {
  const onHost = { type: 'host', host: 'witness-1', port: 8500, path: '/b', encrypted: false } as const;
  expect(configureCommand({ ...nothing, number: 2, repository: onHost })).toBe(
    'quantadb backup configure --repository 2 --host witness-1 --port 8500 --path /b',
  );
  const schedules = [
    { id: 'weekly', type: 'full', cron: '30 1 * * 0', timeZone: 'UTC', repository: 'each' } as const,
  ];
  const retention = { fullCount: 4, days: null, tiers: { daily: 0, weekly: 0, monthly: 12, yearly: 0 } };
  const checks = [{ database: 'app', sql: "SELECT count(*) > 0 FROM t WHERE a = 'x'" }];
  const drills = { cron: '0 4 * * 6', timeZone: 'UTC', checks };
  const command = configureCommand({ ...nothing, schedules, retention, drills });
  expect(command).toContain("--schedule 'full 30 1 * * 0 UTC repository=each'");
  expect(command).toContain('--keep-fulls 4 --keep daily=0,weekly=0,monthly=12,yearly=0');
  expect(command).toContain("--drill-check 'app: SELECT count(*) > 0 FROM t WHERE a = '\\''x'\\'''");
});

test('a bucket with an authority of its own is reached by the command, too', () => {
  const s3: Configure['repository'] = {
    ...{ type: 's3', path: '/q', bucket: 'b', endpoint: 'e:9000', region: 'r', uriStyle: 'path' },
    ...{ caFile: '/etc/ca file', verifyTls: false, encrypted: true },
  };
  expect(configureCommand({ ...nothing, repository: s3 })).toBe(
    "quantadb backup configure --s3-bucket b --s3-endpoint e:9000 --s3-region r --path /q --s3-uri-style path --s3-ca-file '/etc/ca file' --no-s3-verify-tls",
  );
});
