import type { NodeStatus } from '@quantadb/api/client-types';
import { bytesText, durationText } from '@quantadb/ui/charts/units';
import { Stale } from '@quantadb/ui/patterns/stale';
import { Badge, Status } from '@quantadb/ui/patterns/status';
import { type Column, Table } from '@quantadb/ui/patterns/table';
import Link from 'next/link';
import { useTimes } from '../../lib/time.ts';
import { nodeTone, nodeWords } from './words.ts';

const columns: Column<NodeStatus>[] = [
  { key: 'role', header: 'Role', cell: (node) => node.role },
  {
    key: 'state',
    header: 'State',
    cell: (node) => (
      <span className="inline-flex flex-wrap items-center gap-2">
        <Status tone={nodeTone(node)}>{nodeWords(node)}</Status>
        {node.maintenance ? <Badge tone="warning">maintenance</Badge> : null}
        {node.notes.map((note) => (
          <Badge key={note} tone="muted">
            {note}
          </Badge>
        ))}
        {node.pendingRestart.length > 0 ? (
          <span title={`Takes effect with a restart: ${node.pendingRestart.join(', ')}`}>
            <Badge tone="warning">restart pending</Badge>
          </span>
        ) : null}
      </span>
    ),
  },
  {
    key: 'sync',
    header: 'Acknowledges',
    cell: (node) => (node.role === 'standby' ? node.sync : ''),
    isMinor: true,
  },
  {
    key: 'from',
    header: 'Streams from',
    cell: (node) => node.streamsFrom ?? '',
    isMinor: true,
  },
  {
    key: 'bytes',
    header: 'Lag',
    isNumeric: true,
    cell: (node) => (node.role === 'standby' ? bytesText(node.lagBytes) : ''),
  },
  {
    key: 'time',
    header: 'Lag in time',
    isNumeric: true,
    cell: (node) => (node.role === 'standby' ? durationText(node.lagMs) : ''),
  },
  {
    key: 'timeline',
    header: 'Timeline',
    isNumeric: true,
    isMinor: true,
    cell: (node) => node.timeline ?? '–',
  },
  { key: 'raft', header: 'Raft', isMinor: true, cell: (node) => node.raft },
];

interface NodesTableProps {
  clusterId: string;
  nodes: NodeStatus[];
  ageMs: number | null;
}

export function NodesTable({ clusterId, nodes, ageMs }: NodesTableProps) {
  const times = useTimes();
  const name: Column<NodeStatus> = {
    key: 'name',
    header: 'Node',
    cell: (node) => (
      <Link className="font-medium hover:underline" href={`/c/${clusterId}/nodes/${node.name}`}>
        {node.name}
      </Link>
    ),
  };
  const detail: Column<NodeStatus> = {
    key: 'detail',
    header: 'Detail',
    isMinor: true,
    cell: (node) =>
      node.detail ? (
        <span className="block min-w-64 text-ink-soft text-xs">{times.sentence(node.detail)}</span>
      ) : null,
  };
  return (
    <Stale ageMs={ageMs}>
      <Table
        caption="Nodes of the cluster"
        columns={[name, ...columns, detail]}
        rows={nodes}
        keyOf={(node) => node.name}
      />
    </Stale>
  );
}
