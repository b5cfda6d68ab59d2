'use client';

import type { AppRouter } from '@quantadb/api/client-types';
import { bytesText, durationText } from '@quantadb/ui/charts/units';
import { Failed, Loading } from '@quantadb/ui/patterns/states';
import { Badge } from '@quantadb/ui/patterns/status';
import { type Column, Table } from '@quantadb/ui/patterns/table';
import { Button } from '@quantadb/ui/primitives/button';
import { Dialog } from '@quantadb/ui/primitives/dialog';
import { SelectField, TextField } from '@quantadb/ui/primitives/field';
import { Panel } from '@quantadb/ui/primitives/panel';
import { useQuery } from '@tanstack/react-query';
import type { inferRouterOutputs } from '@trpc/server';
import { useState } from 'react';
import { problemOf, useTRPC } from '../../lib/trpc.ts';
import type { Intent } from '../operations/intent.ts';
import { useMay } from '../shell/me.ts';
import { type Name, settingWords } from './setting-words.ts';
import type { Router } from './traffic.ts';

type Setting = inferRouterOutputs<AppRouter>['clusters']['router'][number];
type Value = Setting['usual'];

interface Row extends Setting {
  name: Name;
  /** Hosts whose own file says something else than the cluster. */
  elsewhere: { node: string; value: Value }[];
}

/** What every router is set to, what is usual, and where a host goes its own way. */
export function RouterSettings({
  clusterId,
  routers,
  onChoose,
}: {
  clusterId: string;
  routers: Router[];
  onChoose(intent: Intent): void;
}) {
  const trpc = useTRPC();
  const may = useMay();
  const [edited, setEdited] = useState<Row | null>(null);
  const settings = useQuery({ ...trpc.clusters.router.queryOptions({ clusterId }), refetchInterval: 3000 });
  const change = (name: Name, value: Value | null) => {
    setEdited(null);
    onChoose({ kind: 'set-router', settings: { [name]: value } });
  };
  const columns = may.operate ? [...shown, actions(setEdited, change)] : shown;
  return (
    <Panel title="Settings of every router" isFlush>
      {settings.isPending ? <Loading label="Loading the settings" /> : null}
      {settings.error && !settings.data ? (
        <Failed {...problemOf(settings.error)} onRetry={() => void settings.refetch()} />
      ) : null}
      {settings.data ? (
        <Table
          caption="Settings of every router"
          columns={columns}
          rows={settings.data.map((setting) => rowOf(setting, routers))}
          keyOf={({ name }) => name}
        />
      ) : null}
      {edited ? <Edit row={edited} onClose={() => setEdited(null)} onChange={change} /> : null}
    </Panel>
  );
}

function rowOf(setting: Setting, routers: Router[]): Row {
  const agreed = setting.agreed ?? setting.usual;
  const elsewhere = routers.flatMap(({ node, traffic }) => {
    const value = traffic?.settings?.[setting.name];
    return value === undefined || value === agreed ? [] : [{ node, value }];
  });
  return { ...setting, elsewhere };
}

function valueText(value: Value): string {
  return typeof value === 'boolean' ? (value ? 'on' : 'off') : String(value);
}

/** A text that says nothing still has to be seen. */
function shownText(value: Value): string {
  return value === '' ? 'none' : valueText(value);
}

/** Long numbers in the units people think in. */
function readable(name: Name, value: Value): string {
  if (typeof value !== 'number' || value < 1000) return '';
  if (name.endsWith('Ms') || name.endsWith('MsMax')) return durationText(value);
  return name.endsWith('BytesMax') ? bytesText(value) : '';
}

const shown: Column<Row>[] = [
  {
    key: 'name',
    header: 'Setting',
    cell: ({ name }) => (
      <span>
        <code className="font-medium">{name}</code>
        <span className="block whitespace-normal text-ink-faint text-xs">{settingWords[name]}</span>
      </span>
    ),
  },
  {
    key: 'value',
    header: 'Value',
    cell: ({ name, usual, agreed, elsewhere }) => (
      <span className="inline-flex flex-wrap items-center gap-2">
        <span className="max-w-96 whitespace-normal break-words tabular-nums">
          {shownText(agreed ?? usual)}
        </span>
        <span className="text-ink-faint text-xs">{readable(name, agreed ?? usual)}</span>
        {elsewhere.map(({ node, value }) => (
          <Badge key={node} tone="warning">
            {`${node}: ${shownText(value)}`}
          </Badge>
        ))}
      </span>
    ),
  },
  {
    key: 'usual',
    header: 'Usual',
    isMinor: true,
    cell: ({ usual, agreed }) =>
      agreed === null ? '' : <span className="text-ink-faint">{shownText(usual)}</span>,
  },
];

function actions(onEdit: (row: Row) => void, onChange: (name: Name, value: null) => void): Column<Row> {
  return {
    key: 'actions',
    header: 'Actions',
    isNumeric: true,
    cell: (row) => (
      <span className="inline-flex gap-1">
        {row.agreed === null ? null : (
          <Button tone="quiet" onClick={() => onChange(row.name, null)} aria-label={`Take back ${row.name}`}>
            Take back…
          </Button>
        )}
        <Button tone="quiet" onClick={() => onEdit(row)} aria-label={`Change ${row.name}`}>
          Change…
        </Button>
      </span>
    ),
  };
}

function Edit({
  row,
  onClose,
  onChange,
}: {
  row: Row;
  onClose(): void;
  onChange(name: Name, value: Value): void;
}) {
  const now = row.agreed ?? row.usual;
  const [text, setText] = useState(valueText(now));
  const choices = typeof now === 'boolean' ? ['on', 'off'] : row.choices;
  const value = typeof now === 'boolean' ? text === 'on' : typeof now === 'number' ? Number(text) : text;
  const isWrong = typeof value === 'number' && (text.trim() === '' || !Number.isFinite(value));
  const field = { label: row.name, hint: settingWords[row.name], value: text };
  return (
    <Dialog
      isOpen
      onClose={onClose}
      title={`Change ${row.name}`}
      footer={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button
            tone="primary"
            disabled={isWrong || value === now}
            onClick={() => onChange(row.name, value)}
          >
            Plan the change
          </Button>
        </>
      }
    >
      {choices ? (
        <SelectField {...field} onChange={(event) => setText(event.target.value)}>
          {choices.map((choice) => (
            <option key={choice}>{choice}</option>
          ))}
        </SelectField>
      ) : (
        <TextField
          {...field}
          inputMode={typeof now === 'number' ? 'decimal' : 'text'}
          error={isWrong ? 'A number' : null}
          onChange={(event) => setText(event.target.value)}
        />
      )}
    </Dialog>
  );
}
