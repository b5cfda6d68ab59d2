import type { ClusterStatus, NodeStatus } from '@quantadb/api/client-types';
import { bytesText, durationText } from '@quantadb/ui/charts/units';
import { Status } from '@quantadb/ui/patterns/status';
import { type Column, Table } from '@quantadb/ui/patterns/table';
import Link from 'next/link';
import { nodeTone, nodeWords } from '../cluster/words.ts';
import { type Flow, graphOf, nameText } from './graph.ts';
import { conflictsOf, type NodeReplication, type Sender, sendersByName } from './slots.ts';

interface Row {
  flow: Flow;
  node: NodeStatus | null;
  sender: Sender | null;
  replication: NodeReplication | undefined;
}

const lagOf = (bytes: number | null | undefined, ms: number | null | undefined) =>
  bytes === undefined
    ? '–'
    : `${bytesText(bytes)}${ms === null || ms === undefined ? '' : ` · ${durationText(ms)}`}`;

const columns: Column<Row>[] = [
  { key: 'from', header: 'Streams from', cell: ({ flow }) => nameText(flow.from) },
  { key: 'state', header: 'State', cell: (row) => <State {...row} /> },
  { key: 'mode', header: 'Mode', cell: ({ flow }) => <Mode flow={flow} /> },
  {
    key: 'sync',
    header: 'In PostgreSQL’s words',
    isMinor: true,
    cell: ({ sender }) => (sender ? `${sender.state}, ${sender.sync}` : '–'),
  },
  {
    key: 'write',
    header: 'Write lag',
    isNumeric: true,
    isMinor: true,
    cell: ({ sender }) => lagOf(sender?.writeBytes, sender?.writeMs),
  },
  {
    key: 'flush',
    header: 'Flush lag',
    isNumeric: true,
    isMinor: true,
    cell: ({ sender }) => lagOf(sender?.flushBytes, sender?.flushMs),
  },
  {
    key: 'replay',
    header: 'Replay lag',
    isNumeric: true,
    // Also while nothing is written, and of a standby that stands still, the cluster knows how long that is.
    cell: ({ flow }) => lagOf(flow.lagBytes, flow.lagMs),
  },
  {
    key: 'conflicts',
    header: 'Conflicts',
    isNumeric: true,
    cell: ({ replication }) => <Conflicts of={replication} />,
  },
];

/** What the picture shows, as a table: one row for each that receives WAL. */
export function StandbysTable({
  clusterId,
  status,
  replication,
}: {
  clusterId: string;
  status: ClusterStatus;
  replication: NodeReplication[];
}) {
  const senders = sendersByName(replication);
  const rows = graphOf(status).flows.map((flow) => ({
    flow,
    node: status.nodes.find(({ name }) => name === flow.to) ?? null,
    sender: senders.get(flow.to) ?? null,
    replication: replication.find(({ node }) => node === flow.to),
  }));
  const name: Column<Row> = {
    key: 'name',
    header: 'Standby',
    cell: ({ node, flow }) =>
      node ? (
        <Link className="font-medium hover:underline" href={`/c/${clusterId}/nodes/${node.name}`}>
          {node.name}
        </Link>
      ) : (
        <span className="font-medium">{nameText(flow.to)}</span>
      ),
  };
  return (
    <Table
      caption="Who receives WAL, from whom, and how far behind"
      columns={[name, ...columns]}
      rows={rows}
      keyOf={({ flow }) => flow.to}
    />
  );
}

function State({ node, flow }: Row) {
  if (flow.broken !== null)
    return (
      <span className="block min-w-40">
        <Status tone="critical">{node ? nodeWords(node) : 'broken'}</Status>
        <span className="block text-ink-soft text-xs">{flow.broken}</span>
      </span>
    );
  return node ? (
    <Status tone={nodeTone(node)}>{nodeWords(node)}</Status>
  ) : (
    <Status tone="good">streaming</Status>
  );
}

function Mode({ flow: { mode, delayMs } }: { flow: Flow }) {
  return delayMs > 0 ? `${mode}, delayed by ${durationText(delayMs)}` : mode;
}

function Conflicts({ of }: { of: NodeReplication | undefined }) {
  const conflicts = conflictsOf(of);
  if (!conflicts) return '–';
  return <span title={conflicts.words}>{conflicts.total}</span>;
}
