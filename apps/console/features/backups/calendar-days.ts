import { findingsOf, type Job, jobTitle, type Overview, problemsText } from './prepare.ts';

/** What happened to backups on each day of a month (pure). */

export interface Entry {
  key: string;
  kind: 'full' | 'diff' | 'incr' | 'failed' | 'verified' | 'damaged' | 'drill' | 'planned';
  atMs: number;
  words: string;
  /** Of the backup that it is about. */
  label: string | null;
}

export interface Day {
  date: string;
  dayOfMonth: number;
  isInMonth: boolean;
  entries: Entry[];
}

interface PastEvent {
  id: number;
  at: string;
  kind: string;
  severity: string;
  message: string;
}

const dayMs = 86_400_000;

/** 2026-11-28 by the clocks of that zone. */
export function dateOf(atMs: number, timeZone: string): string {
  return new Intl.DateTimeFormat('sv-SE', { timeZone, dateStyle: 'short' }).format(atMs);
}

/** @param month `2026-11` */
export function addMonths(month: string, count: number): string {
  const [year = 0, number = 1] = month.split('-').map(Number);
  return new Date(Date.UTC(year, number - 1 + count, 1)).toISOString().slice(0, 7);
}

/** From Monday to Sunday, whole weeks. */
export function weeksOf(month: string, entries: readonly Entry[], timeZone: string): Day[][] {
  const firstMs = Date.parse(`${month}-01T00:00:00Z`);
  const startMs = firstMs - ((new Date(firstMs).getUTCDay() + 6) % 7) * dayMs;
  const byDate = new Map<string, Entry[]>();
  for (const entry of entries) {
    const date = dateOf(entry.atMs, timeZone);
    byDate.set(date, [...(byDate.get(date) ?? []), entry]);
  }
  const weeks: Day[][] = [];
  const endMs = Date.parse(`${addMonths(month, 1)}-01T00:00:00Z`);
  for (let weekMs = startMs; weekMs < endMs; weekMs += 7 * dayMs) {
    weeks.push(
      Array.from({ length: 7 }, (_, at) => {
        const date = new Date(weekMs + at * dayMs).toISOString().slice(0, 10);
        const isInMonth = date.startsWith(month);
        return { date, dayOfMonth: Number(date.slice(8)), isInMonth, entries: byDate.get(date) ?? [] };
      }),
    );
  }
  return weeks;
}

export function entriesOf(overview: Overview, events: readonly PastEvent[]): Entry[] {
  const entries = [
    ...backups(overview),
    ...overview.pastJobs.flatMap(proofs),
    ...failures(events),
    ...planned(overview),
  ];
  return entries.sort((left, right) => left.atMs - right.atMs);
}

function backups({ repository }: Overview): Entry[] {
  return (repository?.backups ?? []).map(({ label, type, stopMs, unusable }) => ({
    ...{ key: label, kind: unusable === null ? type : 'damaged', atMs: stopMs, label },
    words: `${jobTitle({ work: { kind: 'backup', type } })} ${label}${unusable === null ? '' : `, cannot be restored: ${unusable}`}`,
  }));
}

function proofs(job: Job): Entry[] {
  const { work, state, endedAtMs } = job;
  if ((work.kind !== 'verify' && work.kind !== 'drill') || state !== 'done' || endedAtMs === null) return [];
  const found = findingsOf(job).length;
  const good = work.kind === 'verify' ? 'verified' : 'drill';
  const words = `${jobTitle(job)}: ${found === 0 ? 'all is well' : problemsText(found)}`;
  return [{ key: job.id, kind: found === 0 ? good : 'damaged', atMs: endedAtMs, words, label: null }];
}

/** A backup that failed leaves nothing in the repository: what was said of it then is kept. */
function failures(events: readonly PastEvent[]): Entry[] {
  return events
    .filter(({ kind, severity, message }) => {
      return kind === 'backup-ended' && severity === 'critical' && !/^\S[^:]* found: /.test(message);
    })
    .map(({ id, at, message }) => ({
      ...{ key: `event-${id}`, kind: 'failed', atMs: Date.parse(at), words: message, label: null },
    }));
}

function planned({ nextRuns }: Overview): Entry[] {
  return nextRuns.flatMap(({ scheduleId, what, atMs }) =>
    atMs.map((at) => ({
      ...{ key: `${scheduleId}-${at}`, kind: 'planned' as const, atMs: at, label: null },
      words: `planned: ${what}`,
    })),
  );
}
