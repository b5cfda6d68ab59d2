import {
  type BackupConfig,
  type BackupRequest,
  backupRequestSchemas,
  type RepositorySecrets,
  repositoryNumberSchema,
  repositorySchema,
} from '@quantadb/engine/contract/backup';
import { type RestoreTarget, restoreTargetSchema } from '@quantadb/engine/contract/restore-target';
import { readMoment } from '@quantadb/engine/shared/zoned-time';
import type { z } from 'zod';
import { UsageError } from './usage-error.ts';

/** Arguments of backup commands, checked before anybody is asked (pure). Secrets come from the environment only. */

export interface RepositoryOptions {
  path?: string;
  s3Bucket?: string;
  s3Endpoint?: string;
  s3Region?: string;
  s3UriStyle?: string;
  s3CaFile?: string;
  s3VerifyTls?: boolean;
}

export interface ConfigureOptions extends RepositoryOptions {
  host?: string;
  port?: string;
  schedule?: string[];
  keepFulls?: string;
  keepDays?: string;
  keep?: string;
  processes?: string;
  compression?: string;
  nice?: string;
  ioPriority?: string;
  loadMax?: string;
  lagMax?: string;
  source?: string;
  archiveTimeout?: string;
  drills?: string;
  drillCheck?: string[];
  repository?: string;
  takeOff?: boolean;
}

export interface TargetOptions {
  latest?: boolean;
  time?: string;
  zone?: string;
  lsn?: string;
  timeline?: string;
  xid?: string;
  point?: string;
  label?: string;
  exclusive?: boolean;
}

type Environment = Record<string, string | undefined>;

export const secretVariables = {
  cipherPass: 'QUANTADB_BACKUP_PASSPHRASE',
  s3Key: 'QUANTADB_BACKUP_S3_KEY',
  s3KeySecret: 'QUANTADB_BACKUP_S3_KEY_SECRET',
} as const;

export function secretsOf(environment: Environment): RepositorySecrets {
  const read = (name: keyof typeof secretVariables) => environment[secretVariables[name]] || null;
  return { cipherPass: read('cipherPass'), s3Key: read('s3Key'), s3KeySecret: read('s3KeySecret') };
}

/** Null when none was named. A passphrase in the environment means that the repository is encrypted. */
export function repositoryOf(
  own: RepositoryOptions,
  environment: Environment,
): BackupConfig['repository'] | null {
  const encrypted = secretsOf(environment).cipherPass !== null;
  if (own.s3Bucket === undefined)
    return own.path === undefined ? null : { type: 'posix', path: own.path, encrypted };
  const { s3Endpoint, s3Region } = own;
  if (!s3Endpoint || !s3Region) throw new UsageError('--s3-bucket needs --s3-endpoint and --s3-region');
  return {
    type: 's3',
    path: own.path ?? '/quantadb',
    bucket: own.s3Bucket,
    endpoint: s3Endpoint,
    region: s3Region,
    uriStyle: own.s3UriStyle === 'path' ? 'path' : 'host',
    caFile: own.s3CaFile ?? null,
    verifyTls: own.s3VerifyTls !== false,
    encrypted,
  };
}

/** Of a cluster that has the host which holds it; elsewhere that repository is a directory of that host. */
function configuredRepository(
  own: ConfigureOptions,
  environment: Environment,
): BackupConfig['repository'] | null {
  const { host, path } = own;
  const port = numberOf('--port', own.port);
  if (host === undefined) {
    if (port !== undefined) throw new UsageError('--port goes with --host, which holds the repository');
    return repositoryOf(own, environment);
  }
  if (own.s3Bucket !== undefined)
    throw new UsageError('name --host or --s3-bucket: a repository is in one place');
  if (path === undefined) throw new UsageError('--host needs --path: the directory on that host');
  const encrypted = secretsOf(environment).cipherPass !== null;
  return parsed(repositorySchema, {
    type: 'host',
    host,
    path,
    encrypted,
    ...(port === undefined ? {} : { port }),
  });
}

/**
 * What is not named in a part stays as it was.
 *
 * @param before what the cluster has agreed on; null: nothing yet
 * @throws UsageError naming the argument that is not understood
 */
export function configureRequest(
  own: ConfigureOptions,
  environment: Environment,
  before: Pick<BackupConfig, 'impact' | 'retention'> | null = null,
): Extract<BackupRequest, { kind: 'configure-backup' }> {
  const number = repositoryNumberOf(own);
  if (own.takeOff && number === undefined) throw new UsageError('--take-off needs --repository');
  // Repository 1 is meant where none is named: that is what daemons of before understand.
  const numbered = number === undefined || (number === 1 && !own.takeOff) ? {} : { number };
  const repository = configuredRepository(own, environment);
  const hasSecrets = Object.values(secretsOf(environment)).some((secret) => secret !== null);
  const impact = given({
    processes: numberOf('--processes', own.processes),
    compression: own.compression,
    nice: numberOf('--nice', own.nice),
    ioPriority: own.ioPriority === 'idle' ? 'idle' : numberOf('--io-priority', own.ioPriority),
    loadMax: own.loadMax === undefined ? undefined : limitOf(own.loadMax),
    lagBytesMax: own.lagMax === undefined ? undefined : megabytesOf(own.lagMax),
    source: own.source,
  });
  const retention = given({
    fullCount: numberOf('--keep-fulls', own.keepFulls),
    days: numberOf('--keep-days', own.keepDays),
    tiers: own.keep === undefined ? undefined : tiersOf(own.keep),
  });
  return parsed(backupRequestSchemas[0], {
    kind: 'configure-backup',
    repository,
    secrets: repository && hasSecrets ? secretsOf(environment) : null,
    impact: impact && { ...before?.impact, ...impact },
    retention: retention && { ...before?.retention, ...retention },
    schedules: own.schedule?.map(scheduleOf) ?? null,
    drills: drillsOf(own),
    archiveTimeoutSeconds: numberOf('--archive-timeout', own.archiveTimeout) ?? null,
    ...numbered,
    ...(own.takeOff ? { takeOff: true } : {}),
  });
}

/** Of several repositories; undefined: the first. */
export function repositoryNumberOf(own: { repository?: string }): number | undefined {
  const number = numberOf('--repository', own.repository);
  return number === undefined ? undefined : parsed(repositoryNumberSchema, number);
}

/** `full "30 1 * * 0" Europe/Berlin repository=2`; the time zone may be left out, and so may the repository. */
export function scheduleOf(text: string): Record<string, unknown> {
  const match =
    /^(full|diff|incr)\s+((?:\S+\s+){4}[^\s=]+)(?:\s+([A-Za-z][\w+/-]*))?(?:\s+repository=(each|[1-4]))?$/.exec(
      text.trim(),
    );
  if (!match) throw new UsageError(`"${text}" is no schedule: write "full 30 1 * * 0 Europe/Berlin"`);
  const [, type = '', cron = '', timeZone = 'UTC', place] = match;
  const id = `${type}-${cron}${place ? `-in-${place}` : ''}`
    .toLowerCase()
    .replaceAll('*', 'x')
    .replaceAll(/[^a-z0-9]+/g, '-')
    .slice(0, 40);
  const repository = place === undefined || place === 'each' ? place : Number(place);
  return { id: id.replace(/-+$/, ''), type, cron, timeZone, ...(repository ? { repository } : {}) };
}

function drillsOf({ drills, drillCheck = [] }: ConfigureOptions): unknown {
  if (drills === undefined) return null;
  if (drills === 'off') return 'off';
  const match = /^((?:\S+\s+){4}\S+)(?:\s+([A-Za-z][\w+/-]*))?$/.exec(drills.trim());
  if (!match) throw new UsageError(`"${drills}" is no time: write "0 4 * * 6 Europe/Berlin", or off`);
  const checks = drillCheck.map((text) => {
    const colon = text.indexOf(':');
    if (colon < 1)
      throw new UsageError(`"${text}" is no check: write "app: SELECT count(*) > 0 FROM orders"`);
    return { database: text.slice(0, colon).trim(), sql: text.slice(colon + 1).trim() };
  });
  return { cron: match[1], timeZone: match[2] ?? 'UTC', checks };
}

/** `daily=7,weekly=4,monthly=12` */
function tiersOf(text: string): Record<string, number> {
  return Object.fromEntries(
    text.split(',').map((part) => {
      const match = /^\s*(daily|weekly|monthly|yearly)=(\d{1,4})\s*$/.exec(part);
      if (!match?.[1])
        throw new UsageError(`"${part}" is no tier: write daily=7,weekly=4,monthly=12,yearly=5`);
      return [match[1], Number(match[2])];
    }),
  );
}

/** @throws UsageError unless exactly one target is named, or when a time says nothing of its zone */
export function restoreTargetOf(own: TargetOptions): RestoreTarget {
  const inclusive = own.exclusive !== true;
  const named: unknown[] = [
    ...(own.latest ? [{ kind: 'latest' }] : []),
    ...(own.time === undefined ? [] : [{ kind: 'time', atMs: momentOf(own.time, own.zone), inclusive }]),
    ...(own.lsn === undefined
      ? []
      : [
          {
            kind: 'lsn',
            lsn: own.lsn.toUpperCase(),
            inclusive,
            timeline: numberOf('--timeline', own.timeline) ?? null,
          },
        ]),
    ...(own.xid === undefined ? [] : [{ kind: 'xid', xid: own.xid, inclusive }]),
    ...(own.point === undefined ? [] : [{ kind: 'name', name: own.point }]),
    ...(own.label === undefined ? [] : [{ kind: 'backup', label: own.label }]),
  ];
  if (named.length !== 1)
    throw new UsageError('name one target: --latest, --time, --lsn, --xid, --point or --label');
  return parsed(restoreTargetSchema, named[0]);
}

/**
 * A moment people write: with an offset, or with the zone whose clocks showed it. A time without either would be read in
 * the zone of whatever machine reads it.
 */
export function momentOf(text: string, zone: string | undefined): number {
  const read = readMoment(text, zone ?? null);
  if (read.ok) return read.atMs;
  const way = zone === undefined ? ' (or --zone Europe/Berlin)' : '';
  throw new UsageError(`"${text}" is no moment: ${read.problem}${way}`);
}

function numberOf(option: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (/^\d{1,7}$/.test(text)) return Number(text);
  throw new UsageError(`${option} takes a whole number, and ${text} is none`);
}

function limitOf(text: string): number | null {
  if (text === 'none') return null;
  if (/^\d{1,4}(\.\d{1,2})?$/.test(text)) return Number(text);
  throw new UsageError(`--load-max takes a number like 1.5, or none, and ${text} is neither`);
}

function megabytesOf(text: string): number {
  const match = /^(\d{1,7})\s?MB$/i.exec(text);
  if (match) return Number(match[1]) * 1024 * 1024;
  throw new UsageError(`--lag-max takes megabytes, like 256MB, and ${text} is none`);
}

/** Null when nothing was given: then it stays as it is. */
function given(values: Record<string, unknown>): Record<string, unknown> | null {
  const entries = Object.entries(values).filter(([, value]) => value !== undefined);
  return entries.length === 0 ? null : Object.fromEntries(entries);
}

function parsed<Schema extends z.ZodType>(schema: Schema, value: unknown): z.output<Schema> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw new UsageError(`${issue?.path.join('.') || 'the arguments'}: ${issue?.message ?? 'not understood'}`);
}
