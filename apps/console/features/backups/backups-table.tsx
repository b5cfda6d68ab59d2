import { bytesText } from '@quantadb/ui/charts/units';
import { Badge, Status } from '@quantadb/ui/patterns/status';
import { type Column, Table } from '@quantadb/ui/patterns/table';
import { useTimes } from '../../lib/time.ts';
import {
  holdNote,
  type Overview,
  type Proof,
  personNote,
  provenOf,
  type Repository,
  type StoredBackup,
  stateOf,
  verifiedOf,
} from './prepare.ts';

/** What is stored, why it stays and when it goes; each opens by a click. */
export function BackupsTable({
  overview,
  repository,
  onOpen,
}: {
  overview: Overview;
  repository: Repository;
  onOpen(label: string): void;
}) {
  const times = useTimes();
  const columns: Column<StoredBackup>[] = [
    {
      key: 'label',
      header: 'Backup',
      cell: ({ label, notes }) => (
        <span className="flex flex-col items-start gap-0.5">
          <button
            type="button"
            className="font-mono text-accent text-xs underline"
            onClick={() => onOpen(label)}
          >
            {label}
          </button>
          {notes[holdNote] ? <Badge tone="working">{`held: ${notes[holdNote]}`}</Badge> : null}
          {notes[personNote] ? (
            <span className="max-w-64 truncate text-ink-soft text-xs">{notes[personNote]}</span>
          ) : null}
        </span>
      ),
    },
    { key: 'type', header: 'Type', cell: (row) => row.type },
    { key: 'ended', header: 'Ended', cell: (row) => times.moment(row.stopMs) },
    {
      key: 'size',
      header: 'Database',
      isNumeric: true,
      isMinor: true,
      cell: (row) => bytesText(row.databaseBytes),
    },
    {
      key: 'stored',
      header: 'Stored',
      isNumeric: true,
      isMinor: true,
      cell: (row) => bytesText(row.repositoryBytes),
    },
    { key: 'state', header: 'State', cell: (row) => <BackupState overview={overview} backup={row} /> },
    {
      key: 'verified',
      header: 'Verified',
      isMinor: true,
      cell: (row) => <Verified proof={verifiedOf(overview, row.label)} />,
    },
    {
      key: 'proven',
      header: 'Proven',
      isMinor: true,
      cell: (row) => <Proven proof={provenOf(overview, row.label)} moment={times.moment} />,
    },
    { key: 'goes', header: 'Goes', isMinor: true, cell: (row) => goesText(row, times.moment) },
  ];
  const rows = [...repository.backups].reverse();
  return <Table caption="Backups" columns={columns} rows={rows} keyOf={(row) => row.label} />;
}

function Verified({ proof }: { proof: Proof }) {
  const words = { good: 'yes', critical: 'damaged' };
  return <Status tone={proof.tone}>{words[proof.tone as keyof typeof words] ?? 'not yet'}</Status>;
}

/** When a drill last restored this very backup. */
function Proven({ proof, moment }: { proof: Proof; moment(atMs: number): string }) {
  const when = proof.atMs === null ? '' : moment(proof.atMs);
  const words = { good: `restored ${when}`, critical: `not whole ${when}` };
  return <Status tone={proof.tone}>{words[proof.tone as keyof typeof words] ?? proof.text}</Status>;
}

export function BackupState({ overview, backup }: { overview: Overview; backup: StoredBackup }) {
  const { tone, text } = stateOf(overview, backup);
  return <Status tone={tone}>{text}</Status>;
}

export function goesText({ goes }: Pick<StoredBackup, 'goes'>, moment: (atMs: number) => string): string {
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
