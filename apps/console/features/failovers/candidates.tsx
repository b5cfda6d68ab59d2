import { bytesText } from '@quantadb/ui/charts/units';
import { Status } from '@quantadb/ui/patterns/status';
import { type Column, Table } from '@quantadb/ui/patterns/table';
import { behindBytes, type FailoverView } from './explain.ts';

type Candidate = FailoverView['candidates'][number];

/** Every node that was judged, with its score and the verdict on it. */
export function CandidatesTable({ failover }: { failover: FailoverView }) {
  const { candidates, neededVotes } = failover;
  const columns: Column<Candidate>[] = [
    {
      key: 'node',
      header: 'Node',
      cell: (row) => <Status tone={row.chosen ? 'good' : 'muted'}>{row.node}</Status>,
    },
    { key: 'verdict', header: 'Verdict', cell: (row) => row.verdict },
    {
      key: 'wal',
      header: 'Its WAL ends at',
      cell: (row) =>
        row.position ? `${row.position.lsn} on timeline ${row.position.timeline}` : 'not known',
      isMinor: true,
    },
    {
      key: 'behind',
      header: 'Behind the newest',
      isNumeric: true,
      cell: (row) => {
        const bytes = behindBytes(row, candidates);
        return bytes === null ? '–' : bytesText(bytes);
      },
    },
    {
      key: 'votes',
      header: neededVotes === undefined ? 'Votes' : `Votes (needs ${neededVotes})`,
      cell: (row) =>
        row.supporters ? (row.supporters.length > 0 ? row.supporters.join(', ') : 'none') : '–',
      isMinor: true,
    },
  ];
  return <Table caption="Candidates" columns={columns} rows={candidates} keyOf={(row) => row.node} />;
}
