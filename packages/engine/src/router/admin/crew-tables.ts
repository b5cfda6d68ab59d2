import type { CrewAnswer, CrewPlace } from '../worker/crew-questions.ts';
import type { ShowSubject } from './commands.ts';
import type { Table } from './views.ts';

/** What SHOW shows of a router that is several processes (pure). */

const byWorker: ReadonlySet<ShowSubject> = new Set(['pools', 'clients', 'servers']);

/** Which worker it is about, where there are several. */
export function placed(subject: ShowSubject, table: Table, { index, count }: CrewPlace): Table {
  if (count === 1 || !byWorker.has(subject)) return table;
  return {
    columns: ['worker', ...table.columns],
    rows: table.rows.map((row) => [String(index + 1), ...row]),
  };
}

/** @param answers of all workers, this one's first */
export function together(subject: ShowSubject, answers: readonly CrewAnswer[]): Table {
  const tables = answers.filter((answer) => answer !== null && typeof answer === 'object');
  const [own = { columns: [], rows: [] }] = tables;
  if (subject === 'stats') return { columns: own.columns, rows: summed(tables) };
  if (!byWorker.has(subject)) return own;
  const rows = tables.flatMap((table) => table.rows);
  if (tables.length > 1) rows.sort(([left], [right]) => Number(left) - Number(right));
  return { columns: own.columns, rows };
}

function summed(tables: readonly Table[]): Table['rows'] {
  const sums = new Map<string, number>();
  for (const [name, value] of tables.flatMap(({ rows }) => rows))
    sums.set(name ?? '', (sums.get(name ?? '') ?? 0) + Number(value));
  return [...sums].map(([name, value]) => [name, String(value)]);
}
