import { Status, type Tone } from '@quantadb/ui/patterns/status';
import { type Column, Table } from '@quantadb/ui/patterns/table';
import { Panel } from '@quantadb/ui/primitives/panel';
import { gapWords, type Repository } from './prepare.ts';

type Timeline = Repository['timelines'][number];
const tones: Record<Timeline['status'], Tone> = { current: 'good', ancestor: 'good', abandoned: 'muted' };
const rangesShown = 3;

const columns: Column<Timeline>[] = [
  { key: 'timeline', header: 'Timeline', cell: ({ timeline }) => timeline },
  { key: 'status', header: 'Is', cell: ({ status }) => <Status tone={tones[status]}>{status}</Status> },
  {
    key: 'from',
    header: 'Begins',
    isMinor: true,
    cell: ({ parentId, beginLsn }) =>
      parentId === null ? 'with the database' : `off ${parentId} at ${beginLsn}`,
  },
  {
    key: 'ranges',
    header: 'WAL without a hole',
    cell: ({ ranges }) => (
      <span className="flex flex-col">
        {ranges.slice(-rangesShown).map(({ fromWal, toWal }) => (
          <code key={fromWal} className="break-all text-xs">
            {fromWal} – {toWal}
          </code>
        ))}
        {ranges.length > rangesShown ? <span className="text-ink-faint text-xs">and older ones</span> : null}
      </span>
    ),
  },
];

/** What of the WAL is archived, and every hole by its name. */
export function ArchivePanel({ repository }: { repository: Repository }) {
  const missing = repository.gaps.filter(({ kind }) => kind === 'missing');
  const expired = repository.gaps.length - missing.length;
  return (
    <Panel title="WAL archive" isFlush>
      <ul className="flex flex-col gap-1 p-4 text-[0.8125rem]">
        {missing.map((gap) => (
          <li key={`${gap.timeline}-${gap.fromWal}`}>
            <Status tone="critical">{gapWords(gap)}</Status>
          </li>
        ))}
        {repository.conflicts.map((conflict) => (
          <li key={conflict}>
            <Status tone="warning">{conflict}</Status>
          </li>
        ))}
        {missing.length === 0 ? (
          <li>
            <Status tone="good">
              {`No segment is missing${expired > 0 ? `; ${expired === 1 ? 'one stretch was' : `${expired} stretches were`} let go by retention` : ''}`}
            </Status>
          </li>
        ) : null}
      </ul>
      <Table
        caption="Archived timelines"
        columns={columns}
        rows={repository.timelines}
        keyOf={({ timeline }) => String(timeline)}
      />
    </Panel>
  );
}
