'use client';

import { Empty } from '@quantadb/ui/patterns/states';
import { Badge } from '@quantadb/ui/patterns/status';
import { type Column, Table } from '@quantadb/ui/patterns/table';
import { Button } from '@quantadb/ui/primitives/button';
import { SelectField, TextField } from '@quantadb/ui/primitives/field';
import { Panel } from '@quantadb/ui/primitives/panel';
import { useState } from 'react';
import { useMay } from '../shell/me.ts';
import { type Changes, found, type Overview, type Setting, type Show, whenText } from './prepare.ts';

const showWords: Record<Show, string> = {
  all: 'All settings',
  set: 'Set for the whole cluster',
  pending: 'Waiting for a restart',
  differs: 'Different between nodes',
  editable: 'Those that may be changed',
};

/** PostgreSQL's settings as the servers really have them, to search in and to change. */
export function SettingsList({
  overview,
  changes,
  onEdit,
}: {
  overview: Overview;
  changes: Changes;
  onEdit(setting: Setting): void;
}) {
  const [text, setText] = useState('');
  const [show, setShow] = useState<Show>('all');
  const { rows, left } = found(overview, { text, show });
  const { shownOf } = overview;
  if (!shownOf) return <Empty title="No node answers: what the servers have is not known" />;
  const whose = shownOf.isPrimary
    ? `of the primary, ${shownOf.node}`
    : `of ${shownOf.node}: the primary does not answer`;
  return (
    <Panel title={`Settings ${whose}`} isFlush>
      <div className="grid gap-3 px-4 py-3 sm:grid-cols-[minmax(0,2fr)_minmax(0,1fr)]">
        <TextField
          label="Search"
          type="search"
          placeholder="work_mem, vacuum, checkpoint…"
          value={text}
          onChange={(event) => setText(event.target.value)}
        />
        <SelectField label="Show" value={show} onChange={(event) => setShow(event.target.value as Show)}>
          {Object.entries(showWords).map(([key, words]) => (
            <option key={key} value={key}>
              {words}
            </option>
          ))}
        </SelectField>
      </div>
      {rows.length === 0 ? <Empty title="No setting fits" /> : <Rows {...{ rows, changes, onEdit }} />}
      <p role="status" className="px-4 py-2 text-ink-faint text-xs">
        {left > 0 ? `${left} more: search to see them.` : `${rows.length} shown.`}
      </p>
    </Panel>
  );
}

function Rows({
  rows,
  changes,
  onEdit,
}: {
  rows: Setting[];
  changes: Changes;
  onEdit(setting: Setting): void;
}) {
  const may = useMay();
  const columns: Column<Setting>[] = [
    { key: 'name', header: 'Setting', cell: (row) => <Name setting={row} /> },
    { key: 'value', header: 'Value', cell: (row) => <Value setting={row} /> },
    { key: 'when', header: 'A change takes effect', isMinor: true, cell: whenText },
    { key: 'source', header: 'From', isMinor: true, cell: (row) => row.source },
    {
      key: 'change',
      header: 'Change',
      cell: (row) => {
        if (row.fixedBecause !== null)
          return <span className="text-ink-soft text-xs">{row.fixedBecause}</span>;
        if (!may.operate) return null;
        return (
          <Button tone="quiet" aria-label={`Change ${row.name}`} onClick={() => onEdit(row)}>
            {Object.hasOwn(changes, row.name) ? 'Chosen…' : 'Change…'}
          </Button>
        );
      },
    },
  ];
  return <Table caption="Settings" columns={columns} rows={rows} keyOf={({ name }) => name} />;
}

function Name({ setting }: { setting: Setting }) {
  return (
    <div className="max-w-80 whitespace-normal">
      <code className="break-all text-xs">{setting.name}</code>
      <p className="text-ink-faint text-xs">{setting.description}</p>
    </div>
  );
}

function Value({ setting }: { setting: Setting }) {
  return (
    <div className="flex max-w-64 flex-col items-start gap-1">
      <code className="break-all text-xs">{setting.value || "''"}</code>
      {setting.isPending ? <Badge tone="warning">restart pending</Badge> : null}
      {setting.differs.map(({ node, value }) => (
        <Badge key={node} tone="warning">{`${node}: ${value || "''"}`}</Badge>
      ))}
    </div>
  );
}
