import { bytesText } from '@quantadb/ui/charts/units';
import { Status } from '@quantadb/ui/patterns/status';
import { type Column, Table } from '@quantadb/ui/patterns/table';
import { type Disk, outlookOf, type SlotRow } from './slots.ts';

/** WAL that must stay, for whom, and what becomes of the disk. */
export function SlotsTable({ slots, disks }: { slots: SlotRow[]; disks: ReadonlyMap<string, Disk> }) {
  const columns: Column<SlotRow>[] = [
    { key: 'name', header: 'Slot', cell: ({ name }) => <code className="font-mono text-xs">{name}</code> },
    { key: 'node', header: 'On', cell: ({ node }) => <span className="whitespace-nowrap">{node}</span> },
    {
      key: 'kind',
      header: 'Kind',
      isMinor: true,
      cell: ({ kind, database }) => (database === null ? kind : `${kind}, ${database}`),
    },
    {
      key: 'use',
      header: 'In use',
      cell: ({ isActive }) => (
        <span className="whitespace-nowrap">
          <Status tone={isActive ? 'good' : 'muted'}>{isActive ? 'read now' : 'not read'}</Status>
        </span>
      ),
    },
    { key: 'wal', header: 'WAL', isMinor: true, cell: ({ walStatus }) => walStatus ?? 'none' },
    { key: 'kept', header: 'Keeps', isNumeric: true, cell: ({ keptBytes }) => bytesText(keptBytes) },
    {
      key: 'outlook',
      header: 'If it stays so',
      cell: (slot) => {
        const { words, tone } = outlookOf(slot, disks.get(slot.node) ?? {});
        return (
          <span className="block min-w-36">
            <Status tone={tone}>{words}</Status>
          </span>
        );
      },
    },
  ];
  return (
    <Table
      caption="Replication slots, and how much WAL each keeps"
      columns={columns}
      rows={slots}
      keyOf={({ node, name }) => `${node} ${name}`}
    />
  );
}
