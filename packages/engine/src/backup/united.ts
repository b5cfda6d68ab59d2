import type { BackupConfig, BackupJob, BackupState } from '../contract/backup.ts';
import type { BackupOverview, Owed, RepositoryView } from '../contract/backup-view.ts';
import { parseLsn } from '../postgres/lsn.ts';
import { configFor, numbersOf, placeOf, repositoryOfWork } from './repositories.ts';

/** What several repositories give together (pure): one that is lost hides nothing of the others. */

export interface ReadRepository {
  number: number;
  /** Null: it cannot be read, and `problem` says why. */
  view: RepositoryView | null;
  problem: string | null;
}

export function unite(read: readonly ReadRepository[]): {
  repository: RepositoryView | null;
  problem: string | null;
} {
  const [first] = read;
  if (read.length === 1 && first) return { repository: first.view, problem: first.problem };
  const problems = read.flatMap(({ number, view, problem }) => {
    const why = problem ?? (view && !isUsable(view) ? view.detail || `its state is ${view.state}` : null);
    return why === null ? [] : [`repository ${number}: ${why}`];
  });
  const problem = problems.length === 0 ? null : problems.join('; ');
  const views = read.flatMap(({ number, view }) => (view && isUsable(view) ? [{ number, view }] : []));
  const [leading] = views;
  if (!leading) return { repository: read.find(({ view }) => view)?.view ?? null, problem };
  const marked = <Part>(part: (view: RepositoryView) => Part[]) =>
    views.flatMap(({ number, view }) => part(view).map((each) => ({ ...each, repository: number })));
  return {
    repository: {
      ...leading.view,
      state: views.some(({ view }) => view.state === 'ok') ? 'ok' : leading.view.state,
      backups: marked(({ backups }) => backups).sort((left, right) => left.stopMs - right.stopMs),
      intervals: marked(({ intervals }) => intervals),
      gaps: marked(({ gaps }) => gaps),
      conflicts: views.flatMap(({ number, view }) =>
        view.conflicts.map((words) => `repository ${number}: ${words}`),
      ),
      newest: newestOf(views.map(({ view }) => view.newest)),
      expiring: views.flatMap(({ view }) => view.expiring),
    },
    problem,
  };
}

/** Each by itself, for people. */
export function stateOfEach(
  read: readonly ReadRepository[],
  { config, owed }: { config: BackupConfig; owed: readonly Owed[] },
): BackupOverview['repositories'] {
  return read.map(({ number, view, problem }) => ({
    ...{ number, place: placeOf((configFor(config, number) ?? config).repository) },
    state: view?.state ?? null,
    problem: problem ?? (view && !isUsable(view) ? view.detail || `its state is ${view.state}` : null),
    backups: view?.backups.length ?? 0,
    newest: view?.newest ?? null,
    missingSegments: (view?.gaps ?? [])
      .filter(({ kind }) => kind === 'missing')
      .reduce((sum, { segments }) => sum + segments, 0),
    owed: owed.find(({ repository }) => repository === number) ?? null,
  }));
}

/** The last of all; but sooner one that found something wrong, while it is the last word on its repository. */
export function lastWord(
  { config, pastJobs }: Pick<BackupState, 'config' | 'pastJobs'>,
  kind: 'drill' | 'verify',
): BackupJob | null {
  const done = pastJobs.filter((job) => job.work.kind === kind && job.state === 'done');
  const lastWords = (config ? numbersOf(config) : []).flatMap(
    (number) => done.findLast(({ work }) => repositoryOfWork(work) === number) ?? [],
  );
  return lastWords.find((job) => !isGood(job)) ?? done.at(-1) ?? null;
}

function isGood({ result }: BackupJob): boolean {
  if (result?.kind === 'drill') return result.drill.findings.every(({ ok }) => ok);
  return result?.kind === 'verify' && result.verification.ok && result.gaps.length === 0;
}

function isUsable({ state }: RepositoryView): boolean {
  return state === 'ok' || state === 'empty';
}

function newestOf(all: readonly RepositoryView['newest'][]): RepositoryView['newest'] {
  const known = all.filter((each) => each !== null);
  return known.reduce<RepositoryView['newest']>(
    (best, each) => (best && parseLsn(best.lsn) >= parseLsn(each.lsn) ? best : each),
    null,
  );
}
