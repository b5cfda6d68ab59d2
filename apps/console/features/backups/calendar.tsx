import { Month } from '@quantadb/ui/patterns/month';
import { Failed } from '@quantadb/ui/patterns/states';
import { Button } from '@quantadb/ui/primitives/button';
import { classes } from '@quantadb/ui/primitives/classes';
import { Panel } from '@quantadb/ui/primitives/panel';
import { useQuery } from '@tanstack/react-query';
import { parseAsString, useQueryState } from 'nuqs';
import { useState } from 'react';
import { useTimes } from '../../lib/time.ts';
import { problemOf, useTRPC } from '../../lib/trpc.ts';
import { addMonths, type Day, dateOf, type Entry, entriesOf, weeksOf } from './calendar-days.ts';
import type { Overview } from './prepare.ts';

const weekMs = 7 * 86_400_000;

/** The letter is the shape: no kind is told by its colour alone. */
const looks: Record<Entry['kind'], { letter: string; words: string; ink: string }> = {
  full: { letter: 'F', words: 'full', ink: 'bg-accent text-accent-ink' },
  diff: { letter: 'D', words: 'differential', ink: 'bg-accent-soft text-accent' },
  incr: { letter: 'I', words: 'incremental', ink: 'bg-accent-soft text-accent' },
  verified: { letter: '✓', words: 'verified', ink: 'bg-good-soft text-good' },
  drill: { letter: 'R', words: 'restore drill', ink: 'bg-good-soft text-good' },
  failed: { letter: '✕', words: 'failed', ink: 'bg-critical-soft text-critical' },
  damaged: { letter: '!', words: 'damage found', ink: 'bg-critical-soft text-critical' },
  planned: { letter: '·', words: 'planned', ink: 'border border-line-strong border-dashed text-ink-soft' },
};
const shownPerDay = 6;

/** Backups, verifications and drills by day; a click on a backup opens it. */
export function Calendar({
  clusterId,
  overview,
  onOpen,
}: {
  clusterId: string;
  overview: Overview;
  onOpen(label: string): void;
}) {
  const trpc = useTRPC();
  const { zone, moment } = useTimes();
  const [today] = useState(() => dateOf(Date.now(), zone));
  const [chosen, setMonth] = useQueryState('month', parseAsString);
  const month = /^\d{4}-(0[1-9]|1[0-2])$/.test(chosen ?? '') ? (chosen as string) : today.slice(0, 7);
  const range = {
    from: new Date(Date.parse(`${month}-01T00:00:00Z`) - weekMs).toISOString(),
    to: new Date(Date.parse(`${addMonths(month, 1)}-01T00:00:00Z`) + weekMs).toISOString(),
  };
  const history = useQuery(trpc.backups.history.queryOptions({ clusterId, ...range }));
  const weeks = weeksOf(month, entriesOf(overview, history.data ?? []), zone);
  const title = new Intl.DateTimeFormat('en-GB', { month: 'long', year: 'numeric', timeZone: 'UTC' }).format(
    Date.parse(`${month}-01T00:00:00Z`),
  );
  return (
    <Panel
      title={title}
      actions={
        <>
          <Button tone="quiet" aria-label="Month before" onClick={() => void setMonth(addMonths(month, -1))}>
            ‹
          </Button>
          <Button tone="quiet" aria-label="Month after" onClick={() => void setMonth(addMonths(month, 1))}>
            ›
          </Button>
        </>
      }
    >
      {history.error ? <Failed {...problemOf(history.error)} onRetry={() => void history.refetch()} /> : null}
      <Month
        caption={`Backups of ${title}`}
        weeks={weeks.map((week) =>
          week.map((day) => ({
            ...day,
            isToday: day.date === today,
            words: day.entries.map(({ words }) => words).join('; '),
            content: <Marks day={day} moment={moment} onOpen={onOpen} />,
          })),
        )}
      />
      <Legend />
    </Panel>
  );
}

function Marks({
  day,
  moment,
  onOpen,
}: {
  day: Day;
  moment(atMs: number): string;
  onOpen(label: string): void;
}) {
  const shown = day.entries.slice(0, shownPerDay);
  const more = day.entries.length - shown.length;
  return (
    <>
      {shown.map(({ key, kind, words, atMs, label }) => {
        const { letter, ink } = looks[kind];
        const title = `${words}, ${moment(atMs)}`;
        const look = classes(
          'inline-flex size-6 items-center justify-center rounded font-medium text-xs',
          ink,
        );
        return label === null ? (
          <span key={key} aria-hidden title={title} className={look}>
            {letter}
          </span>
        ) : (
          <button
            key={key}
            type="button"
            title={title}
            aria-label={title}
            className={look}
            onClick={() => onOpen(label)}
          >
            {letter}
          </button>
        );
      })}
      {more > 0 ? <span className="text-ink-faint text-xs">+{more}</span> : null}
    </>
  );
}

function Legend() {
  return (
    <p className="mt-3 flex flex-wrap gap-x-3 gap-y-1 text-ink-soft text-xs">
      {Object.values(looks).map(({ letter, words, ink }) => (
        <span key={words} className="inline-flex items-center gap-1.5">
          <span
            aria-hidden
            className={classes('inline-flex size-5 items-center justify-center rounded', ink)}
          >
            {letter}
          </span>
          {words}
        </span>
      ))}
    </p>
  );
}
