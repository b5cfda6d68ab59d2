import type { ReactNode } from 'react';
import { classes } from '../primitives/classes.tsx';

export interface Column<Row> {
  key: string;
  header: string;
  cell(row: Row): ReactNode;
  /** Numbers stand on the right, under each other. */
  isNumeric?: boolean;
  /** Left out on a phone. */
  isMinor?: boolean;
}

export interface TableProps<Row> {
  caption: string;
  columns: Column<Row>[];
  rows: Row[];
  keyOf(row: Row): string;
}

/** One table for all lists. Its caption is for screen readers; the panel around it has the visible title. */
export function Table<Row>({ caption, columns, rows, keyOf }: TableProps<Row>) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard (WCAG 2.1.1)
    <section className="relative overflow-x-auto" tabIndex={0} aria-label={caption}>
      <table className="w-full border-collapse text-left text-[0.8125rem]">
        <caption className="sr-only">{caption}</caption>
        <thead>
          <tr className="border-line border-b">
            {columns.map((column) => (
              <th
                key={column.key}
                scope="col"
                className={classes(
                  'whitespace-nowrap px-4 py-2 font-medium text-ink-faint text-xs',
                  column.isNumeric && 'text-right',
                  column.isMinor && 'hidden md:table-cell',
                )}
              >
                {column.header}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={keyOf(row)} className="border-line border-b last:border-b-0 hover:bg-muted-soft/50">
              {columns.map((column) => (
                <td
                  key={column.key}
                  className={classes(
                    'px-4 py-2 align-middle first:whitespace-nowrap',
                    column.isNumeric && 'whitespace-nowrap text-right tabular-nums',
                    column.isMinor && 'hidden md:table-cell',
                  )}
                >
                  {column.cell(row)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
