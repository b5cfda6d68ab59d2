import { numbersOf, repositoryOfWork, schedulesOf } from '@quantadb/engine/backup/repositories';
import type { BackupOverview } from '@quantadb/engine/contract/backup-view';
import type { Finding } from './rule.ts';
import { timeWords } from './words.ts';

/** What is judged for each of several repositories by itself (pure): one that is well hides nothing of another. */

type Configured = BackupOverview & { config: NonNullable<BackupOverview['config']> };
type Backup = NonNullable<BackupOverview['repository']>['backups'][number];

/** What one repository holds, and what the schedules promise it. */
interface EachView {
  number: number;
  isAlone: boolean;
  backups: Backup[];
  /** The longest pause that the schedules leave between two backups; null: nothing is scheduled. */
  pauseMs: number | null;
}

export function subjectOf(number: number): string {
  return number === 1 ? '' : `repository ${number}`;
}

/** Those that cannot be read now: of their backups nothing is known. */
export function unreadOf({ repositories }: Configured): number[] {
  return repositories.filter(({ problem }) => problem !== null).map(({ number }) => number);
}

export function viewsOf(overview: Configured): EachView[] {
  const { config, repository } = overview;
  const unread = new Set(unreadOf(overview));
  const numbers = numbersOf(config).filter((number) => !unread.has(number));
  return numbers.map((number) => ({
    number,
    isAlone: config.further === undefined,
    backups: (repository?.backups ?? []).filter((each) => (each.repository ?? 1) === number),
    pauseMs: promisedPauseMs(overview, number),
  }));
}

function promisedPauseMs({ nextRuns, config }: Configured, number: number): number | null {
  const schedules = schedulesOf(config).filter(({ repository }) => (repository ?? 1) === number);
  const own = new Set(schedules.map(({ id }) => id));
  const isOwn = (id: string) => config.further === undefined || own.has(id);
  const runs = nextRuns.filter(
    ({ what, atMs, scheduleId }) => what !== 'drill' && atMs.length > 0 && isOwn(scheduleId),
  );
  // Each schedule is known for some runs ahead only: behind the end of the first that ends, some would be missing.
  const untilMs = Math.min(...runs.map(({ atMs }) => atMs.at(-1) ?? 0));
  const times = runs.flatMap(({ atMs }) => atMs.filter((each) => each <= untilMs)).sort((a, b) => a - b);
  const pauses = times.slice(1).map((each, at) => each - (times[at] ?? each));
  return pauses.length === 0 ? null : Math.max(...pauses);
}

/** @param asked.lateMs later than scheduled, and older than where nothing is scheduled */
export function tooOld(
  { number, isAlone, backups, pauseMs }: EachView,
  asked: { name: string; nowMs: number; lateMs: { late: number; unscheduled: number } },
): Finding[] {
  const where = isAlone ? '' : ` in repository ${number}`;
  const subject = subjectOf(number);
  const good = backups.filter(({ unusable }) => unusable === null);
  if (good.length === 0)
    return [{ subject, sentence: `${asked.name} has no backup that could be restored${where}.` }];
  const ageMs = asked.nowMs - Math.max(...good.map(({ stopMs }) => stopMs));
  const limitMs = pauseMs === null ? asked.lateMs.unscheduled : pauseMs + asked.lateMs.late;
  if (ageMs <= limitMs) return [];
  const promise = pauseMs === null ? '' : `; one at least every ${timeWords(pauseMs)} is scheduled`;
  const sentence = `The newest good backup of ${asked.name}${where} is ${timeWords(ageMs)} old${promise}.`;
  return [{ subject, sentence }];
}

/** Of each kind, and of each repository, the last that was not cancelled. */
export function failedWork({ pastJobs, config }: Configured, name: string): Finding[] {
  const numbers = numbersOf(config);
  return (['backup', 'verify', 'drill'] as const).flatMap((kind) =>
    numbers.flatMap((number) => {
      const last = pastJobs.findLast(
        ({ work, state }) => work.kind === kind && state !== 'cancelled' && repositoryOfWork(work) === number,
      );
      if (last?.state !== 'failed') return [];
      const where = last.node ? ` on ${last.node}` : '';
      const what = number === 1 ? kind : `${kind} (repository ${number})`;
      return [{ subject: what, sentence: `The last ${what} of ${name} failed${where}: ${last.detail}` }];
    }),
  );
}

/** The database has pages with wrong checksums, which its newest backups hold as they are. */
export function damagedPages(overview: Configured, name: string): Finding[] {
  const holding = viewsOf(overview).flatMap(({ backups }) => {
    const full = backups.filter(({ type }) => type === 'full').at(-1);
    return full
      ? backups.filter(({ label, hasPageErrors }) => hasPageErrors && label.startsWith(full.label))
      : [];
  });
  const [first] = holding;
  if (!first) return [];
  const sentence = `Backup ${first.label} of ${name} holds pages with wrong checksums: they are damaged in the database that it was made of.`;
  return [{ subject: 'pages', sentence }];
}
