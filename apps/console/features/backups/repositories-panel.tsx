import { Status, type Tone } from '@quantadb/ui/patterns/status';
import { type Column, Table } from '@quantadb/ui/patterns/table';
import { Panel } from '@quantadb/ui/primitives/panel';
import { useNow } from '../../lib/live.tsx';
import type { Overview } from './prepare.ts';
import { owedText, repositoryTone } from './repositories.ts';

type Row = Overview['repositories'][number] & { owes: string; tone: Tone };

const columns: Column<Row>[] = [
  { key: 'number', header: 'Repository', cell: ({ number }) => number },
  { key: 'place', header: 'Where', cell: ({ place }) => <code className="break-all text-xs">{place}</code> },
  {
    key: 'state',
    header: 'Is',
    cell: ({ tone, problem, missingSegments }) => (
      <Status tone={tone}>
        {problem ?? (missingSegments > 0 ? `${missingSegments} segments of WAL are missing` : 'good')}
      </Status>
    ),
  },
  { key: 'backups', header: 'Backups', cell: ({ backups }) => backups },
  { key: 'owed', header: 'Is owed', cell: ({ owes }) => owes },
];

/** Each of several; with one alone the rest of the page is about it. */
export function RepositoriesPanel({ overview }: { overview: Overview }) {
  const nowMs = useNow(5000);
  const { repositories, config } = overview;
  if (!config || repositories.length === 0) return null;
  const rows = repositories.map((each) => ({
    ...each,
    owes: owedText(each.owed, nowMs),
    tone: repositoryTone(each),
  }));
  return (
    <Panel title="Repositories" isFlush>
      <Table
        caption="Each repository, its state, and the WAL that it has not got yet"
        columns={columns}
        rows={rows}
        keyOf={({ number }) => String(number)}
      />
    </Panel>
  );
}
