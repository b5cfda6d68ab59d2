'use client';

import { Empty, Failed, Loading } from '@quantadb/ui/patterns/states';
import { Button } from '@quantadb/ui/primitives/button';
import { SelectField, TextField } from '@quantadb/ui/primitives/field';
import { Panel } from '@quantadb/ui/primitives/panel';
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { parseAsInteger, parseAsString, parseAsStringLiteral, useQueryStates } from 'nuqs';
import { useDeferredValue } from 'react';
import { useTimes } from '../../lib/time.ts';
import { problemOf, useTRPC } from '../../lib/trpc.ts';
import { useMay } from '../shell/me.ts';
import { NodeField } from '../shell/node-field.tsx';
import { LogLines } from './log-lines.tsx';

const followEveryMs = 2000;
const pageEntries = 200;
const severities = ['debug', 'info', 'warning', 'error', 'fatal'] as const;
const severityWords = ['Everything', 'Info and worse', 'Warnings and worse', 'Errors and worse', 'Fatal'];
const sources = ['postgres', 'daemon'] as const;

const shape = {
  node: parseAsString,
  source: parseAsStringLiteral(sources),
  level: parseAsStringLiteral(severities).withDefault('info'),
  search: parseAsString.withDefault(''),
  /** Milliseconds of the epoch: nothing after it is shown. */
  until: parseAsInteger,
};

/** What every node of the cluster has written, in one line of time. */
export function LogsPage({ clusterId }: { clusterId: string }) {
  const may = useMay();
  if (!may.operate)
    return (
      <>
        <h1 className="font-semibold text-xl">Logs</h1>
        <Empty title="Logs are for operators">
          Statements that failed are in them, with what clients wrote into them.
        </Empty>
      </>
    );
  return <Logs clusterId={clusterId} />;
}

function Logs({ clusterId }: { clusterId: string }) {
  const trpc = useTRPC();
  const times = useTimes();
  const [filter, setFilter] = useQueryStates(shape, { history: 'replace' });
  const search = useDeferredValue(filter.search);
  const { node, source, level, until } = filter;
  const logs = useQuery({
    ...trpc.logs.read.queryOptions({
      ...{ clusterId, search, atLeast: level, limit: pageEntries },
      ...(node === null ? {} : { node }),
      ...(source === null ? {} : { source }),
      ...(until === null ? {} : { until: new Date(until).toISOString() }),
    }),
    refetchInterval: until === null ? followEveryMs : false,
    placeholderData: keepPreviousData,
  });
  const { data } = logs;
  const last = data?.entries.findLast((entry) => entry.at !== null)?.at ?? null;
  return (
    <>
      <div className="flex flex-wrap items-center justify-between gap-3">
        <h1 className="font-semibold text-xl">Logs</h1>
        <p className="text-ink-soft text-xs" aria-live="polite">
          {until === null ? 'As they come, the newest first' : `Until ${times.moment(until)}`}
        </p>
      </div>
      <Filters clusterId={clusterId} filter={filter} onChange={(next) => void setFilter(next)} />
      {data?.problems.map(({ node: name, message }) => (
        <p key={`${name} ${message}`} role="status" className="text-sm text-warning">
          {name} could not be asked: {message}
        </p>
      ))}
      <Panel
        isFlush
        title={until === null ? 'Newest' : `Before ${times.moment(until)}`}
        actions={
          <>
            {until === null ? null : (
              <Button tone="quiet" onClick={() => void setFilter({ until: null })}>
                Back to the newest
              </Button>
            )}
            {last && data && data.entries.length >= pageEntries ? (
              <Button tone="quiet" onClick={() => void setFilter({ until: Date.parse(last) })}>
                Older
              </Button>
            ) : null}
          </>
        }
      >
        {!data && !logs.error ? <Loading label="Asking every node for its logs" /> : null}
        {logs.error ? <Failed {...problemOf(logs.error)} onRetry={() => void logs.refetch()} /> : null}
        {data?.entries.length === 0 ? (
          <Empty title={data.isCut ? 'Nothing found in what was searched' : 'Nothing found'} />
        ) : null}
        {data && data.entries.length > 0 ? <LogLines entries={data.entries} /> : null}
      </Panel>
      {data?.isCut ? (
        <p className="text-ink-faint text-xs">
          A search reads 64 MB of each log. Choose a moment to search from there, or a node.
        </p>
      ) : null}
    </>
  );
}

type Filter = ReturnType<typeof useQueryStates<typeof shape>>[0];

function Filters({
  clusterId,
  filter,
  onChange,
}: {
  clusterId: string;
  filter: Filter;
  onChange(next: Partial<Filter>): void;
}) {
  return (
    <div className="grid gap-3 sm:grid-cols-2 lg:grid-cols-[2fr_1fr_1fr_1fr_1.4fr]">
      <TextField
        label="Search"
        type="search"
        maxLength={200}
        value={filter.search}
        onChange={(event) => onChange({ search: event.target.value })}
      />
      <NodeField {...{ clusterId, node: filter.node }} all="All" onChange={(node) => onChange({ node })} />
      <SelectField
        label="Of"
        value={filter.source ?? ''}
        onChange={(event) =>
          onChange({ source: sources.find((each) => each === event.target.value) ?? null })
        }
      >
        <option value="">Both</option>
        <option value="postgres">PostgreSQL</option>
        <option value="daemon">QuantaDB</option>
      </SelectField>
      <SelectField
        label="Severity"
        value={filter.level}
        onChange={(event) =>
          onChange({ level: severities.find((each) => each === event.target.value) ?? 'info' })
        }
      >
        {severities.map((name, at) => (
          <option key={name} value={name}>
            {severityWords[at]}
          </option>
        ))}
      </SelectField>
      <TextField
        label="Until (UTC)"
        type="datetime-local"
        step={1}
        value={filter.until === null ? '' : new Date(filter.until).toISOString().slice(0, 19)}
        onChange={(event) => {
          const untilMs = Date.parse(`${event.target.value}Z`);
          onChange({ until: Number.isNaN(untilMs) ? null : untilMs });
        }}
      />
    </div>
  );
}
