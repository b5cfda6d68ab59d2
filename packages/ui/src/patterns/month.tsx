import type { ReactNode } from 'react';
import { classes } from '../primitives/classes.tsx';

export interface MonthDay {
  /** 2026-11-28 */
  date: string;
  dayOfMonth: number;
  isInMonth: boolean;
  isToday: boolean;
  /** Said to a screen reader with the date; empty when nothing was. */
  words: string;
  content: ReactNode;
}

export interface MonthProps {
  caption: string;
  /** Monday first. */
  weeks: MonthDay[][];
}

const weekdays = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'];

/** A month as a table: one row a week. */
export function Month({ caption, weeks }: MonthProps) {
  return (
    <table className="w-full table-fixed border-collapse">
      <caption className="sr-only">{caption}</caption>
      <thead>
        <tr>
          {weekdays.map((day) => (
            <th key={day} scope="col" className="px-1 py-1 text-left font-medium text-ink-faint text-xs">
              {day}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {weeks.map((week) => (
          <tr key={week[0]?.date}>
            {week.map((day) => (
              <td
                key={day.date}
                className={classes(
                  'h-16 border border-line p-1 align-top',
                  !day.isInMonth && 'bg-muted-soft/50',
                )}
              >
                <span
                  className={classes(
                    'inline-block rounded px-1 text-xs tabular-nums',
                    day.isToday ? 'bg-accent font-semibold text-accent-ink' : 'text-ink-faint',
                  )}
                >
                  <span aria-hidden>{day.dayOfMonth}</span>
                  <span className="sr-only">{`${day.date}${day.words === '' ? '' : `: ${day.words}`}`}</span>
                </span>
                <div className="mt-0.5 flex flex-wrap gap-0.5">{day.content}</div>
              </td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}
