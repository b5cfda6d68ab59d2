import type { Overview } from '../backups/prepare.ts';
import type { Intent } from '../operations/intent.ts';
import { cronOf, type When, whenOf } from './when.ts';

/** The settings while they are changed, and what of them the cluster is asked to change (pure). */

export type Config = NonNullable<Overview['config']>;
export type ConfigureIntent = Extract<Intent, { kind: 'configure-backup' }>;
type Repository = Config['repository'];
/** That can be asked for: what a newer release has set is left as it is. */
type KnownRepository = Exclude<Repository, { type: 'unknown' }>;

/** What pgBackRest's own server listens on when nobody says anything else. */
const usualBackupPort = 8432;

export interface ScheduleDraft {
  id: string;
  type: Config['schedules'][number]['type'];
  when: When;
  isEnabled: boolean;
  /** What the form does not show stays as it is. */
  rest: Pick<Config['schedules'][number], 'jitterMinutes' | 'window' | 'repository'>;
}

export interface Draft {
  place: Repository['type'];
  /** The member on whose disk it is; empty: none is chosen yet. */
  host: string;
  /** Of the server that gives it out there. */
  port: string;
  /** By which a newer release calls the place; null: it is known here. */
  unknownKind: string | null;
  path: string;
  bucket: string;
  endpoint: string;
  region: string;
  uriStyle: 'host' | 'path';
  caFile: string;
  verifyTls: boolean;
  isEncrypted: boolean;
  /** Typed now; what is empty stays as it was. They are never read back. */
  cipherPass: string;
  cipherPassAgain: string;
  s3Key: string;
  s3KeySecret: string;
  schedules: ScheduleDraft[];
  fullCount: string;
  days: string;
  tiers: Record<Tier, string>;
  hasDrills: boolean;
  drillWhen: When;
  checks: { database: string; sql: string }[];
  processes: string;
  compression: Config['impact']['compression'];
  source: Config['impact']['source'];
  archiveTimeoutSeconds: string;
}

export const tierNames = ['daily', 'weekly', 'monthly', 'yearly'] as const;
export type Tier = (typeof tierNames)[number];

export function draftOf(config: Config | null, timeZone: string): Draft {
  return {
    ...placeOf(config?.repository ?? null),
    ...{ cipherPass: '', cipherPassAgain: '', s3Key: '', s3KeySecret: '' },
    schedules: config ? config.schedules.map(scheduleDraftOf) : usualSchedules(timeZone),
    fullCount: String(config?.retention.fullCount ?? 4),
    days: String(config?.retention.days ?? ''),
    tiers: {
      daily: String(config?.retention.tiers.daily ?? 0),
      weekly: String(config?.retention.tiers.weekly ?? 0),
      monthly: String(config?.retention.tiers.monthly ?? 0),
      yearly: String(config?.retention.tiers.yearly ?? 0),
    },
    hasDrills: config ? config.drills !== null : true,
    drillWhen: config?.drills
      ? whenOf(config.drills.cron, config.drills.timeZone)
      : whenOf('0 4 * * 6', timeZone),
    checks: config?.drills?.checks ?? [],
    processes: String(config?.impact.processes ?? 1),
    compression: config?.impact.compression ?? 'zst',
    source: config?.impact.source ?? 'prefer-standby',
    archiveTimeoutSeconds: String(config?.archiveTimeoutSeconds ?? 60),
  };
}

type PlaceDraft = Pick<
  Draft,
  | 'place'
  | 'host'
  | 'port'
  | 'unknownKind'
  | 'path'
  | 'bucket'
  | 'endpoint'
  | 'region'
  | 'uriStyle'
  | 'caFile'
  | 'verifyTls'
  | 'isEncrypted'
>;

function placeOf(repository: Repository | null): PlaceDraft {
  const s3 = repository?.type === 's3' ? repository : null;
  return {
    place: repository?.type ?? 'posix',
    host: repository?.type === 'host' ? repository.host : '',
    port: String(repository?.type === 'host' ? repository.port : usualBackupPort),
    unknownKind: repository?.type === 'unknown' ? repository.kind : null,
    path: repository?.path ?? '',
    bucket: s3?.bucket ?? '',
    endpoint: s3?.endpoint ?? '',
    region: s3?.region ?? '',
    uriStyle: s3?.uriStyle ?? 'host',
    caFile: s3?.caFile ?? '',
    verifyTls: s3?.verifyTls ?? true,
    isEncrypted: repository?.encrypted ?? true,
  };
}

function scheduleDraftOf({
  id,
  type,
  cron,
  timeZone,
  enabled,
  ...rest
}: Config['schedules'][number]): ScheduleDraft {
  return { id, type, when: whenOf(cron, timeZone), isEnabled: enabled, rest };
}

const noRest: ScheduleDraft['rest'] = { jitterMinutes: 0, window: null };

/** A full backup a week and an incremental one every other night. */
function usualSchedules(timeZone: string): ScheduleDraft[] {
  const of = (id: string, type: ScheduleDraft['type'], cron: string): ScheduleDraft => {
    return { id, type, when: whenOf(cron, timeZone), isEnabled: true, rest: noRest };
  };
  return [of('weekly-full', 'full', '30 1 * * 0'), of('nightly', 'incr', '30 1 * * 1-6')];
}

export function newSchedule({ schedules }: Draft, timeZone: string): ScheduleDraft {
  const ids = new Set(schedules.map(({ id }) => id));
  let at = schedules.length + 1;
  while (ids.has(`schedule-${at}`)) at += 1;
  const when = whenOf('30 1 * * *', timeZone);
  return { id: `schedule-${at}`, type: 'incr', when, isEnabled: true, rest: noRest };
}

export function schedulesOf({ schedules }: Pick<Draft, 'schedules'>): Config['schedules'] {
  return schedules.map(({ id, type, when, isEnabled, rest }) => {
    return { id, type, cron: cronOf(when), timeZone: when.timeZone.trim(), ...rest, enabled: isEnabled };
  });
}

export function retentionOf({ fullCount, days, tiers }: Draft): Config['retention'] | null {
  const full = whole(fullCount, 1, 1000);
  const window = days.trim() === '' ? null : whole(days, 1, 3650);
  const [daily, weekly, monthly, yearly] = tierNames.map((tier) => whole(tiers[tier], 0, 1000));
  if (full === undefined || window === undefined) return null;
  if (daily === undefined || weekly === undefined || monthly === undefined || yearly === undefined)
    return null;
  return { fullCount: full, days: window, tiers: { daily, weekly, monthly, yearly } };
}

/** What the cluster is asked for: only what differs. Null: nothing does. */
export function changeOf(
  draft: Draft,
  config: Config | null,
): { problems: string[]; intent: ConfigureIntent | null } {
  const repository = repositoryOf(draft);
  const impact = impactOf(draft, config);
  const archiveTimeoutSeconds = whole(draft.archiveTimeoutSeconds, 10, 3600);
  const retention = retentionOf(draft);
  const problems = [
    ...placeProblems(draft, config),
    ...(retention ? [] : ['Retention takes whole numbers: at least one full backup.']),
    ...(impact ? [] : ['Processes: a whole number from 1 to 64.']),
    ...(archiveTimeoutSeconds === undefined ? ['Archive timeout: 10 to 3600 seconds.'] : []),
  ];
  if (problems.length > 0 || !retention || !impact || archiveTimeoutSeconds === undefined)
    return { problems, intent: null };
  const wanted = { repository, impact, retention, schedules: schedulesOf(draft), archiveTimeoutSeconds };
  const before = config ?? null;
  const changed = <Name extends keyof typeof wanted>(name: Name) =>
    same(wanted[name], before?.[name]) ? null : wanted[name];
  const place = draft.place === 'unknown' ? null : changed('repository');
  const intent: ConfigureIntent = {
    kind: 'configure-backup',
    repository: place,
    secrets: secretsOf(draft),
    impact: changed('impact'),
    schedules: changed('schedules'),
    retention: changed('retention'),
    drills: drillsOf(draft, config),
    archiveTimeoutSeconds: changed('archiveTimeoutSeconds'),
  };
  const isChanged = Object.entries(intent).some(([name, value]) => name !== 'kind' && value !== null);
  return { problems, intent: isChanged ? intent : null };
}

/** What every node can try before anything is set; null while the place is not named. An empty key is the one that is set. */
export function testOf(draft: Draft) {
  const { place, path, bucket, endpoint, region, s3Key, s3KeySecret } = draft;
  // One on a host is tried through the servers that only setting it starts.
  if (place === 'unknown' || place === 'host') return null;
  const isNamed =
    place === 'posix'
      ? path.trim().startsWith('/')
      : [bucket, endpoint, region].every((each) => each.trim() !== '');
  if (!isNamed) return null;
  const secrets = { cipherPass: null, s3Key: s3Key || null, s3KeySecret: s3KeySecret || null };
  return { repository: repositoryOf(draft), secrets };
}

const passphraseBytes = 20;
const letters = 'abcdefghijkmnpqrstuvwxyz23456789';

/** A hundred bits, in letters that nobody mistakes for one another. */
export function newPassphrase(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(passphraseBytes));
  const text = [...bytes].map((byte) => letters[byte % letters.length]).join('');
  return (text.match(/.{5}/g) ?? []).join('-');
}

/** Of a place that is not known here it is not asked. */
export function repositoryOf(draft: Draft): KnownRepository {
  const { place, path, isEncrypted: encrypted } = draft;
  if (place === 'host')
    return { type: 'host', host: draft.host, port: portOf(draft) ?? 0, path: path.trim(), encrypted };
  if (place !== 's3') return { type: 'posix', path: path.trim(), encrypted };
  return {
    type: 's3',
    path: path.trim() || '/quantadb',
    bucket: draft.bucket.trim(),
    endpoint: draft.endpoint.trim(),
    region: draft.region.trim(),
    uriStyle: draft.uriStyle,
    caFile: draft.caFile.trim() || null,
    verifyTls: draft.verifyTls,
    encrypted,
  };
}

export function placeProblems(draft: Draft, config: Config | null): string[] {
  const { place, path, bucket, endpoint, region, cipherPass, cipherPassAgain, s3Key, s3KeySecret } = draft;
  if (place === 'unknown') return [];
  const isKnown = (type: Repository['type']) => config?.repository.type === type;
  const isNew = config === null || !same(repositoryOf(draft), config.repository);
  const needsPass = draft.isEncrypted && !(config?.repository.encrypted && cipherPass === '');
  return [
    ...(place !== 's3' && !path.trim().startsWith('/') ? ['The directory is an absolute path.'] : []),
    ...(place === 'host' && draft.host === '' ? ['Choose the host on whose disk it is.'] : []),
    ...(place === 'host' && portOf(draft) === undefined ? ['Port: 1024 to 65535.'] : []),
    ...(place === 's3' && [bucket, endpoint, region].some((each) => each.trim() === '')
      ? ['S3 needs a bucket, an endpoint and a region.']
      : []),
    ...(place === 's3' && !isKnown('s3') && (s3Key === '' || s3KeySecret === '')
      ? ['S3 needs a key and its secret.']
      : []),
    ...(isNew && needsPass && cipherPass === '' ? ['An encrypted repository needs a passphrase.'] : []),
    ...(cipherPass !== '' && cipherPass !== cipherPassAgain ? ['The two passphrases differ.'] : []),
  ];
}

export function secretsOf({
  cipherPass,
  s3Key,
  s3KeySecret,
  place,
  isEncrypted,
}: Draft): ConfigureIntent['secrets'] {
  const secrets = {
    cipherPass: isEncrypted && cipherPass !== '' ? cipherPass : null,
    s3Key: place === 's3' && s3Key !== '' ? s3Key : null,
    s3KeySecret: place === 's3' && s3KeySecret !== '' ? s3KeySecret : null,
  };
  return Object.values(secrets).some((secret) => secret !== null) ? secrets : null;
}

function impactOf({ processes, compression, source }: Draft, config: Config | null) {
  const count = whole(processes, 1, 64);
  if (count === undefined) return null;
  const rest = { lagBytesMax: 256 * 1024 * 1024, loadMax: null, ...config?.impact };
  return { ...rest, processes: count, compression, source };
}

function drillsOf({ hasDrills, drillWhen, checks }: Draft, config: Config | null): ConfigureIntent['drills'] {
  if (!hasDrills) return config?.drills ? 'off' : null;
  const given = checks.filter(({ database, sql }) => database.trim() !== '' && sql.trim() !== '');
  const wanted = { cron: cronOf(drillWhen), timeZone: drillWhen.timeZone.trim(), checks: given };
  return same(wanted, config?.drills) ? null : wanted;
}

/** As JSON, with the keys in one order. */
export function same(left: unknown, right: unknown): boolean {
  const sorted = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(sorted);
    if (typeof value !== 'object' || value === null) return value ?? null;
    return Object.fromEntries(
      Object.entries(value)
        .sort(([a], [b]) => a.localeCompare(b))
        .map(([key, each]) => [key, sorted(each)]),
    );
  };
  return JSON.stringify(sorted(left)) === JSON.stringify(sorted(right));
}

const portOf = ({ port }: Draft) => whole(port, 1024, 65_535);

function whole(text: string, min: number, max: number): number | undefined {
  const value = /^\d{1,5}$/.test(text.trim()) ? Number(text) : Number.NaN;
  return value >= min && value <= max ? value : undefined;
}
