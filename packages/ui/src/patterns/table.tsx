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

/** On a phone a row is a block of its own: one line for each value, with its column's name before it, and nothing off the screen. */
const onPhone = {
  whole: 'max-sm:block',
  row: 'max-sm:block max-sm:py-2',
  cell: 'max-sm:relative max-sm:block max-sm:min-h-7 max-sm:overflow-hidden max-sm:py-1 max-sm:empty:hidden max-sm:[overflow-wrap:anywhere]',
  label:
    'max-sm:pl-32 max-sm:before:absolute max-sm:before:left-4 max-sm:before:w-26 max-sm:before:truncate max-sm:before:text-ink-faint max-sm:before:text-xs max-sm:before:leading-5 max-sm:before:content-[attr(data-label)]',
};

/** One table for all lists. Its caption is for screen readers; the panel around it has the visible title. */
export function Table<Row>({ caption, columns, rows, keyOf }: TableProps<Row>) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard (WCAG 2.1.1)
    <section className="relative overflow-x-auto" tabIndex={0} aria-label={caption}>
      <table className={classes('w-full border-collapse text-left text-[0.8125rem]', onPhone.whole)}>
        <caption className="sr-only">{caption}</caption>
        <thead className="max-sm:sr-only">
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
        <tbody className={onPhone.whole}>
          {rows.map((row) => (
            <tr
              key={keyOf(row)}
              className={classes('border-line border-b last:border-b-0 hover:bg-muted-soft/50', onPhone.row)}
            >
              {columns.map((column, at) => (
                <td
                  key={column.key}
                  data-label={column.header}
                  className={classes(
                    'px-4 py-2 align-middle sm:first:whitespace-nowrap',
                    onPhone.cell,
                    at > 0 && column.header !== '' && onPhone.label,
                    column.isNumeric && 'tabular-nums sm:whitespace-nowrap sm:text-right',
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
