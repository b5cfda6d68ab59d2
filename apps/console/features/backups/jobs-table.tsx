import { durationText } from '@quantadb/ui/charts/units';
import { Empty } from '@quantadb/ui/patterns/states';
import { Status } from '@quantadb/ui/patterns/status';
import { type Column, Table } from '@quantadb/ui/patterns/table';
import { Panel } from '@quantadb/ui/primitives/panel';
import { useTimes } from '../../lib/time.ts';
import { findingsOf, type Job, jobTitle, jobTone, problemsText } from './prepare.ts';

/** What was done on the repository, the newest first. */
export function JobsTable({ jobs }: { jobs: Job[] }) {
  const times = useTimes();
  const columns: Column<Job>[] = [
    { key: 'what', header: 'Work', cell: (row) => jobTitle(row) },
    {
      key: 'state',
      header: 'State',
      cell: (row) => (
        <Status tone={jobTone(row)}>
          {times.sentence(stateText(row), row.endedAtMs ?? row.startedAtMs)}
        </Status>
      ),
    },
    { key: 'when', header: 'Began', cell: (row) => times.moment(row.startedAtMs) },
    {
      key: 'took',
      header: 'Took',
      isNumeric: true,
      cell: (row) => (row.endedAtMs === null ? '–' : durationText(row.endedAtMs - row.startedAtMs)),
    },
    { key: 'node', header: 'Node', isMinor: true, cell: (row) => row.node ?? '–' },
    { key: 'by', header: 'By', isMinor: true, cell: (row) => row.requestedBy },
  ];
  const rows = [...jobs].reverse().slice(0, 15);
  return (
    <Panel title="Past work" isFlush>
      {rows.length === 0 ? (
        <Empty title="Nothing has run yet" />
      ) : (
        <Table caption="Past work" columns={columns} rows={rows} keyOf={(row) => row.id} />
      )}
    </Panel>
  );
}

function stateText(job: Job): string {
  if (job.state === 'failed') return `failed: ${job.detail.slice(0, 120)}`;
  const findings = findingsOf(job).length;
  if (findings > 0) return problemsText(findings);
  return job.warnings[0] ? `done; ${job.warnings[0].slice(0, 120)}` : job.state;
}
