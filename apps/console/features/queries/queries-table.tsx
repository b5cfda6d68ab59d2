import { bytesText, durationText } from '@quantadb/ui/charts/units';
import { type Column, Table } from '@quantadb/ui/patterns/table';
import { numberText, shareText } from '../figures/charts.ts';
import { type Answer, blocksHitShare, keyOf, type Statement, shareOf } from './queries.ts';

/** PostgreSQL counts in blocks of this size, unless it was built otherwise. */
const blockBytes = 8192;

export function QueriesTable({ answer, onOpen }: { answer: Answer; onOpen(statement: Statement): void }) {
  const columns: Column<Statement>[] = [
    {
      key: 'share',
      header: 'Time',
      cell: (row) => <Share share={shareOf(row, answer.all)} totalMs={row.totalMs} />,
    },
    {
      key: 'text',
      header: 'Statement',
      cell: (row) => <Opener statement={row} isTextHidden={answer.isTextHidden} onOpen={onOpen} />,
    },
    { key: 'calls', header: 'Calls', isNumeric: true, cell: (row) => numberText(row.calls) },
    { key: 'mean', header: 'Mean', isNumeric: true, cell: (row) => meanText(row.meanMs) },
    { key: 'rows', header: 'Rows', isNumeric: true, isMinor: true, cell: (row) => numberText(row.rows) },
    {
      key: 'blocks',
      header: 'Read',
      isNumeric: true,
      isMinor: true,
      cell: (row) => (
        <>
          {bytesText(row.blocksRead * blockBytes)}
          <span className="block text-ink-faint text-xs">{shareText(blocksHitShare(row))} in buffers</span>
        </>
      ),
    },
    {
      key: 'temp',
      header: 'Temporary',
      isNumeric: true,
      isMinor: true,
      cell: (row) => bytesText(row.tempBlocks * blockBytes),
    },
    { key: 'wal', header: 'WAL', isNumeric: true, isMinor: true, cell: (row) => bytesText(row.walBytes) },
  ];
  return <Table caption="Statements" columns={columns} rows={answer.statements} keyOf={keyOf} />;
}

/** Most statements take less than a millisecond. */
export function meanText(ms: number | null): string {
  if (ms === null) return '–';
  return ms < 10 ? `${ms.toFixed(ms < 0.1 ? 3 : 2)} ms` : durationText(ms);
}

function Share({ share, totalMs }: { share: number; totalMs: number }) {
  return (
    <div className="w-24">
      <div aria-hidden className="h-1.5 rounded bg-muted-soft">
        <div className="h-full rounded bg-accent" style={{ width: `${share * 100}%` }} />
      </div>
      <span className="text-xs tabular-nums">
        {shareText(share)} <span className="text-ink-faint">{meanText(totalMs)}</span>
      </span>
    </div>
  );
}

function Opener({
  statement,
  isTextHidden,
  onOpen,
}: {
  statement: Statement;
  isTextHidden: boolean;
  onOpen(statement: Statement): void;
}) {
  const { text, queryId, user, database } = statement;
  return (
    <button
      type="button"
      className="max-w-full text-left hover:underline sm:max-w-[60ch]"
      onClick={() => onOpen(statement)}
    >
      <span className="line-clamp-2 break-words font-mono text-xs">
        {text ?? `statement ${queryId}${isTextHidden ? '' : ', its text is not kept'}`}
      </span>
      <span className="block text-ink-faint text-xs">
        {user} in {database}
      </span>
    </button>
  );
}
