import { Badge, type Tone } from '@quantadb/ui/patterns/status';
import { type Column, Table } from '@quantadb/ui/patterns/table';
import { useTimes } from '../../lib/time.ts';
import { type Entry, withoutRepeats } from './repeats.ts';

const tones: Record<Entry['severity'], Tone> = {
  debug: 'muted',
  info: 'muted',
  warning: 'warning',
  error: 'critical',
  fatal: 'critical',
};

const sourceWords: Record<Entry['source'], string> = { postgres: 'PostgreSQL', daemon: 'QuantaDB' };

/** One entry a row, with all of its lines; what a log says over and over is shown once. */
export function LogLines({ entries }: { entries: Entry[] }) {
  const times = useTimes();
  const rows = withoutRepeats(entries).map((entry, at) => ({
    ...entry,
    key: `${entry.node} ${entry.source} ${entry.at} ${at}`,
  }));
  const columns: Column<(typeof rows)[number]>[] = [
    {
      key: 'at',
      header: 'When',
      cell: (row) => (
        <span className="whitespace-nowrap text-xs tabular-nums">{row.at ? times.precise(row.at) : '–'}</span>
      ),
    },
    {
      key: 'node',
      header: 'Node',
      cell: (row) => <span className="whitespace-nowrap text-xs">{row.node}</span>,
    },
    {
      key: 'source',
      header: 'Of',
      isMinor: true,
      cell: (row) => <span className="text-ink-soft text-xs">{sourceWords[row.source]}</span>,
    },
    {
      key: 'severity',
      header: 'Severity',
      cell: (row) => (
        <span className="inline-flex gap-1">
          <Badge tone={tones[row.severity]}>{row.severity}</Badge>
          {row.times > 1 ? <Badge tone="muted">{`${row.times} times`}</Badge> : null}
        </span>
      ),
    },
    {
      key: 'text',
      header: 'What',
      cell: (row) => (
        <pre className="max-w-[70ch] whitespace-pre-wrap break-words font-mono text-xs lg:max-w-[110ch]">
          {row.text}
        </pre>
      ),
    },
  ];
  return (
    <Table caption="Log entries, the newest first" columns={columns} rows={rows} keyOf={(row) => row.key} />
  );
}
