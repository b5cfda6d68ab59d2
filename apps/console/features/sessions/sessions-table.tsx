import { durationText } from '@quantadb/ui/charts/units';
import { Badge } from '@quantadb/ui/patterns/status';
import { type Column, Table } from '@quantadb/ui/patterns/table';
import type { Ending } from './end-dialog.tsx';
import { SessionMenu } from './session-menu.tsx';
import { concernsOf, type Session, underWayMs } from './sessions.ts';

export function SessionsTable({
  rows,
  isTextHidden,
  onEnd,
}: {
  rows: Session[];
  isTextHidden: boolean;
  onEnd(ending: Ending): void;
}) {
  const columns: Column<Session>[] = [
    {
      key: 'pid',
      header: 'Session',
      cell: (row) => (
        <>
          <span className="font-medium tabular-nums">{row.pid}</span>
          <span className="block text-ink-faint text-xs">{row.node}</span>
        </>
      ),
    },
    { key: 'who', header: 'Who', cell: (row) => <Who session={row} /> },
    { key: 'state', header: 'State', cell: (row) => <State session={row} /> },
    {
      key: 'age',
      header: 'For',
      isNumeric: true,
      cell: (row) => durationText(underWayMs(row)),
    },
    ...(isTextHidden
      ? []
      : [
          {
            key: 'text',
            header: 'Statement',
            cell: (row: Session) => (
              <pre className="max-h-24 max-w-[70ch] overflow-hidden whitespace-pre-wrap break-words font-mono text-xs">
                {row.text}
              </pre>
            ),
          },
        ]),
    { key: 'actions', header: '', cell: (row) => <SessionMenu session={row} onEnd={onEnd} /> },
  ];
  return (
    <Table
      caption="Sessions"
      columns={columns}
      rows={rows}
      keyOf={(row) => `${row.node} ${row.pid} ${row.startedAt}`}
    />
  );
}

function Who({ session }: { session: Session }) {
  const { user, database, application, client, kind } = session;
  return (
    <div className="text-xs">
      <p>
        {user ?? application}
        {database ? ` in ${database}` : ''}
      </p>
      <p className="text-ink-faint">
        {[application, client ?? (kind === 'client' ? 'this machine' : null)].filter(Boolean).join(' · ')}
      </p>
      {kind === 'own' ? <Badge tone="muted">QuantaDB</Badge> : null}
      {kind === 'replication' ? <Badge tone="muted">replication</Badge> : null}
    </div>
  );
}

function State({ session }: { session: Session }) {
  const { state, wait, blockedBy } = session;
  return (
    <div className="flex flex-col items-start gap-1 text-xs">
      <span>{state ?? '–'}</span>
      {wait ? <span className="text-ink-faint">{wait}</span> : null}
      {blockedBy.length > 0 ? <Badge tone="critical">{`waits for ${namesOf(blockedBy)}`}</Badge> : null}
      {concernsOf(session).map((concern) => (
        <Badge key={concern} tone="warning">
          {concern}
        </Badge>
      ))}
    </div>
  );
}

function namesOf(pids: number[]): string {
  return pids.map((pid) => (pid === 0 ? 'a prepared transaction' : String(pid))).join(', ');
}
