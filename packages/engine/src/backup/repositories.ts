import type {
  BackupConfig,
  BackupSchedule,
  BackupState,
  BackupWork,
  Repository,
} from '../contract/backup.ts';
import type { ShownRepository } from '../contract/backup-view.ts';

/**
 * Several repositories of one cluster (pure). pgBackRest knows of several itself, but with 2.45 an archive-push to two of
 * which one is away fails as a whole (exit 104): PostgreSQL tries the same segment for ever, and nothing more reaches the
 * one that is there. So each repository has a configuration of its own, in which it is the only one: whatever is done to
 * one of them neither asks nor waits for another.
 */

/** Settings with or without their secrets. */
interface Numbered {
  further?: readonly { number: number }[] | undefined;
}

export function numbersOf(config: Numbered): number[] {
  return [1, ...(config.further ?? []).map(({ number }) => number)].sort((left, right) => left - right);
}

/** The settings as those of a cluster that has this repository only; null when there is none of that number. */
export function configFor(config: BackupConfig, number: number): BackupConfig | null {
  const { further, ...own } = config;
  if (number === 1) return own;
  const found = further?.find((each) => each.number === number);
  return found
    ? { ...own, repository: found.repository, secrets: found.secrets, retention: found.retention }
    : null;
}

export function repositoryOfWork(work: BackupWork): number {
  return work.kind === 'look' ? 1 : (work.repository ?? 1);
}

/** One that fills each repository is a schedule of its own for each, with a slot of its own. */
export function schedulesOf(config: Pick<BackupConfig, 'schedules'> & Numbered): BackupSchedule[] {
  return config.schedules.flatMap(({ repository, ...schedule }) => {
    if (repository !== 'each') return [{ ...schedule, ...(repository === undefined ? {} : { repository }) }];
    return numbersOf(config).map((number) =>
      number === 1 ? schedule : { ...schedule, id: `${schedule.id}.${number}`, repository: number },
    );
  });
}

export function walKeptFromOf(backup: BackupState | null | undefined, number: number): string | null {
  if (number === 1) return backup?.walKeptFrom ?? null;
  return backup?.furtherWalKeptFrom?.[String(number)] ?? null;
}

/** Whether both are the same files: two repositories must not be. */
export function isSamePlace(left: Repository, right: Repository): boolean {
  if (left.type !== right.type || left.path !== right.path) return false;
  if (left.type === 's3' && right.type === 's3')
    return left.bucket === right.bucket && left.endpoint === right.endpoint;
  return left.type !== 'host' || right.type !== 'host' || left.host === right.host;
}

/** Where it is, as short as people know it by. */
export function placeOf(repository: ShownRepository): string {
  switch (repository.type) {
    case 'unknown':
      return `${repository.kind}:${repository.path}`;
    case 'posix':
      return repository.path;
    case 's3':
      return `s3://${repository.bucket}${repository.path}`;
    case 'host':
      return `${repository.host}:${repository.path}`;
  }
}

/** As it may be shown to people. */
export function withoutSecrets({ secrets: _secrets, further, ...shown }: BackupConfig) {
  if (!further) return shown;
  return { ...shown, further: further.map(({ secrets: _own, ...rest }) => rest) };
}
