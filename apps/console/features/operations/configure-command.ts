import type { AppRouter } from '@quantadb/api/client-types';
import type { inferRouterInputs } from '@trpc/server';

type Intent = inferRouterInputs<AppRouter>['operations']['plan']['intent'];
type Configure = Extract<Intent, { kind: 'configure-backup' }>;

/** The same settings from a terminal. Secrets are left out: a terminal takes them from its environment. */
export function configureCommand(intent: Configure): string {
  const { number, takeOff, schedules, drills, archiveTimeoutSeconds } = intent;
  const options = [
    number === undefined ? '' : `--repository ${number}`,
    takeOff ? '--take-off' : '',
    placeOptions(intent.repository),
    schedules && schedules.length > 0 ? `--schedule ${schedules.map(scheduleText).join(' ')}` : '',
    retentionOptions(intent.retention),
    drillOptions(drills),
    impactOptions(intent.impact),
    archiveTimeoutSeconds == null ? '' : `--archive-timeout ${archiveTimeoutSeconds}`,
  ];
  return ['quantadb backup configure', ...options.filter((option) => option !== '')].join(' ');
}

function placeOptions(repository: Configure['repository']): string {
  switch (repository?.type) {
    case undefined:
      return '';
    case 'posix':
      return `--path ${quoted(repository.path)}`;
    case 'host':
      return `--host ${repository.host} --port ${repository.port} --path ${quoted(repository.path)}`;
    case 's3': {
      const { bucket, endpoint, region, path, uriStyle, caFile, verifyTls } = repository;
      const rest = [
        uriStyle === 'path' ? ' --s3-uri-style path' : '',
        caFile == null ? '' : ` --s3-ca-file ${quoted(caFile)}`,
        verifyTls === false ? ' --no-s3-verify-tls' : '',
      ].join('');
      return `--s3-bucket ${quoted(bucket)} --s3-endpoint ${quoted(endpoint)} --s3-region ${quoted(region)} --path ${quoted(path ?? '/quantadb')}${rest}`;
    }
  }
}

function scheduleText({
  type,
  cron,
  timeZone,
  repository,
}: NonNullable<Configure['schedules']>[number]): string {
  return quoted(`${type} ${cron} ${timeZone}${repository === undefined ? '' : ` repository=${repository}`}`);
}

function retentionOptions(retention: Configure['retention']): string {
  if (!retention) return '';
  const tiers = Object.entries(retention.tiers ?? {}).map(([name, count]) => `${name}=${count}`);
  const days = retention.days == null ? '' : ` --keep-days ${retention.days}`;
  const keep = tiers.length === 0 ? '' : ` --keep ${tiers.join(',')}`;
  return `--keep-fulls ${retention.fullCount ?? 4}${days}${keep}`;
}

/** All checks: those that are not named are no more. */
function drillOptions(drills: Configure['drills']): string {
  if (!drills) return '';
  if (drills === 'off') return '--drills off';
  const checks = (drills.checks ?? []).map(({ database, sql }) => quoted(`${database}: ${sql}`));
  const when = `--drills ${quoted(`${drills.cron} ${drills.timeZone}`)}`;
  return checks.length === 0 ? when : `${when} --drill-check ${checks.join(' ')}`;
}

function impactOptions(impact: Configure['impact']): string {
  if (!impact) return '';
  const { processes, compression, source } = impact;
  return `--processes ${processes} --compression ${compression} --source ${source}`;
}

/** As the shell reads it back; what it takes as it stands is left as it is. */
export function quoted(text: string): string {
  return /^[\w./:@%+-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
