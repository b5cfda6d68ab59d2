import type { ClusterStatus } from '@quantadb/api/client-types';
import { Mark, type Tone } from '@quantadb/ui/patterns/status';
import { type Column, Table } from '@quantadb/ui/patterns/table';
import { Panel } from '@quantadb/ui/primitives/panel';

export type NetworkView = NonNullable<ClusterStatus['network']>;
type Row = NetworkView['rows'][number];
type Hearing = 'hears' | 'does not hear' | 'unknown';

const tones: Record<Hearing, Tone> = { hears: 'good', 'does not hear': 'critical', unknown: 'muted' };

/** One quiet line while all is well; else what is wrong, and between whom. */
export function NetworkPanel({ network }: { network: NetworkView }) {
  if (network.kind === 'connected') return <p className="text-ink-faint text-xs">{network.verdict}</p>;
  return (
    <Panel title="Who hears whom">
      <p className="mb-2 font-medium">{network.verdict}</p>
      <NetworkMatrix network={network} />
    </Panel>
  );
}

export function NetworkMatrix({ network }: { network: NetworkView }) {
  const names = [...new Set(network.rows.flatMap((row) => [row.node, ...row.hears, ...row.deafTo]))].sort();
  const rows = names.map(
    (node) => network.rows.find((row) => row.node === node) ?? { node, hears: [], deafTo: [] },
  );
  const columns: Column<Row>[] = [
    { key: 'node', header: '', cell: (row) => <span className="font-medium">{row.node}</span> },
    ...names.map((name) => ({ key: name, header: name, cell: (row: Row) => <Cell row={row} to={name} /> })),
  ];
  return (
    <Table caption="Each row: whom that node hears" columns={columns} rows={rows} keyOf={(row) => row.node} />
  );
}

function Cell({ row, to }: { row: Row; to: string }) {
  if (row.node === to) return <span className="text-ink-faint">–</span>;
  const hearing: Hearing = row.hears.includes(to)
    ? 'hears'
    : row.deafTo.includes(to)
      ? 'does not hear'
      : 'unknown';
  return (
    <span className="inline-flex items-center gap-1.5 whitespace-nowrap text-xs">
      <Mark tone={tones[hearing]} />
      {hearing}
    </span>
  );
}
