import { Status } from '@quantadb/ui/patterns/status';
import { type Column, Table } from '@quantadb/ui/patterns/table';
import { Button } from '@quantadb/ui/primitives/button';
import { useTimes } from '../../lib/time.ts';
import type { Intent } from '../operations/intent.ts';
import { useMay } from '../shell/me.ts';
import type { Repository, StoredBackup } from './prepare.ts';

const holdNote = 'quantadb-hold';

/** What is stored, why it stays and when it goes. */
export function BackupsTable({
  repository,
  onChoose,
}: {
  repository: Repository;
  onChoose(intent: Intent): void;
}) {
  const times = useTimes();
  const may = useMay();
  const columns: Column<StoredBackup>[] = [
    { key: 'label', header: 'Backup', cell: (row) => <code className="text-xs">{row.label}</code> },
    { key: 'type', header: 'Type', cell: (row) => row.type },
    { key: 'ended', header: 'Ended', cell: (row) => times.moment(row.stopMs) },
    {
      key: 'size',
      header: 'Database',
      isNumeric: true,
      isMinor: true,
      cell: (row) => sizeText(row.databaseBytes),
    },
    { key: 'stored', header: 'Stored', isNumeric: true, cell: (row) => sizeText(row.repositoryBytes) },
    { key: 'state', header: 'State', cell: (row) => <State backup={row} /> },
    { key: 'kept', header: 'Kept because', isMinor: true, cell: (row) => row.keptBecause.join(', ') },
    { key: 'goes', header: 'Goes', isMinor: true, cell: (row) => goesText(row, times.moment) },
    {
      key: 'hold',
      header: '',
      cell: (row) => {
        if (!may.operate) return null;
        const isHeld = Boolean(row.notes[holdNote]);
        const note = isHeld ? null : `held by ${may.name}`;
        return (
          <Button tone="quiet" onClick={() => onChoose({ kind: 'hold-backup', label: row.label, note })}>
            {isHeld ? 'Release' : 'Hold'}
          </Button>
        );
      },
    },
  ];
  const rows = [...repository.backups].reverse();
  return <Table caption="Backups" columns={columns} rows={rows} keyOf={(row) => row.label} />;
}

function State({ backup }: { backup: StoredBackup }) {
  if (backup.unusable !== null)
    return <Status tone="critical">{`cannot be restored: ${backup.unusable}`}</Status>;
  if (backup.hasPageErrors) return <Status tone="warning">holds damaged pages</Status>;
  return <Status tone="good">restorable</Status>;
}

function goesText({ goes }: StoredBackup, moment: (atMs: number) => string): string {
  if (goes === null) return 'with the next backup';
  switch (goes.kind) {
    case 'never':
      return 'never: it is held';
    case 'at':
      return moment(goes.atMs);
    case 'after-fulls':
      return goes.fulls === 1 ? 'with the next full backup' : `after ${goes.fulls} more full backups`;
  }
}

export function sizeText(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  const power = bytes < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(bytes) / 10));
  const value = bytes / 1024 ** power;
  return `${value < 10 && power > 0 ? value.toFixed(1) : Math.round(value)} ${units[power]}`;
}
