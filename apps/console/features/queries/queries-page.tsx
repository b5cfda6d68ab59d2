'use client';

import { Empty, Failed, Loading } from '@quantadb/ui/patterns/states';
import { SelectField } from '@quantadb/ui/primitives/field';
import { Panel } from '@quantadb/ui/primitives/panel';
import { useQuery } from '@tanstack/react-query';
import Link from 'next/link';
import { parseAsString, parseAsStringLiteral, useQueryStates } from 'nuqs';
import { useNow } from '../../lib/live.tsx';
import { problemOf, spanKeptMs, useTRPC } from '../../lib/trpc.ts';
import { NodeField } from '../shell/node-field.tsx';
import { RangePicker } from '../shell/range-picker.tsx';
import { type Answer, findStatement, keyOf, type Order, orders, orderWords } from './queries.ts';
import { QueriesTable } from './queries-table.tsx';
import { StatementDetail } from './statement-detail.tsx';

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const ranges = {
  '15m': 15 * minuteMs,
  '1h': hourMs,
  '6h': 6 * hourMs,
  '24h': 24 * hourMs,
  '7d': 7 * 24 * hourMs,
} as const;
const rangeNames = Object.keys(ranges) as (keyof typeof ranges)[];
/** Nodes tell once a minute. */
const stepMs = 20_000;
const shownMax = 50;

const shape = {
  range: parseAsStringLiteral(rangeNames).withDefault('1h'),
  node: parseAsString,
  order: parseAsStringLiteral(orders).withDefault('totalMs'),
  /** Which one is open. */
  statement: parseAsString,
};

/** What PostgreSQL has spent its time on. */
export function QueriesPage({ clusterId }: { clusterId: string }) {
  const trpc = useTRPC();
  const [chosen, setChosen] = useQueryStates(shape, { history: 'replace' });
  const { range, node, order } = chosen;
  // Moves in steps, so that the answer that is there is kept until there can be another one.
  const toMs = Math.ceil(useNow(1000) / stepMs) * stepMs;
  const span = { from: new Date(toMs - ranges[range]).toISOString(), to: new Date(toMs).toISOString() };
  const where = { clusterId, ...span, ...(node === null ? {} : { node }) };
  const answer = useQuery({
    ...trpc.statements.top.queryOptions({ ...where, order, limit: shownMax }),
    gcTime: spanKeptMs,
    placeholderData: (last) => last,
  });
  const { data, error } = answer;
  const open = data ? findStatement(data.statements, chosen.statement) : null;
  return (
    <>
      <div className="flex flex-wrap items-center justify-between gap-3">
        <h1 className="font-semibold text-xl">Queries</h1>
        <RangePicker names={rangeNames} range={range} onPick={(next) => void setChosen({ range: next })} />
      </div>
      <Filters clusterId={clusterId} {...{ node, order }} onChange={(next) => void setChosen(next)} />
      {data ? <Problems sources={data.sources} clusterId={clusterId} /> : null}
      <Panel isFlush title={`By ${orderWords[order].toLowerCase()}`}>
        {!data && !error ? <Loading label="Adding up what was spent" /> : null}
        {error ? <Failed {...problemOf(error)} onRetry={() => void answer.refetch()} /> : null}
        {data?.statements.length === 0 ? <Nothing isNew={data.sources.length === 0} /> : null}
        {data && data.statements.length > 0 ? (
          <QueriesTable answer={data} onOpen={(each) => void setChosen({ statement: keyOf(each) })} />
        ) : null}
      </Panel>
      <p className="text-ink-faint text-xs">
        Each node tells once a minute of the fifty statements it spent most time on, and of all others as one
        sum; QuantaDB’s own are not counted, but what its routers ask the catalogue for their clients is.{' '}
        {data?.isTextHidden ? 'Their text is shown to operators.' : ''}
      </p>
      {open && data ? (
        <StatementDetail
          statement={open}
          answer={data}
          where={where}
          onClose={() => void setChosen({ statement: null })}
        />
      ) : null}
    </>
  );
}

function Nothing({ isNew }: { isNew: boolean }) {
  if (isNew)
    return (
      <Empty title="No node has told of its statements yet">The first figures come after two minutes.</Empty>
    );
  return <Empty title="Nothing was run in this time" />;
}

function Problems({ sources, clusterId }: { sources: Answer['sources']; clusterId: string }) {
  const wrong = sources.filter(({ problem }) => problem !== null);
  if (wrong.length === 0) return null;
  return (
    <div
      role="status"
      className="rounded-md border border-warning bg-warning-soft px-4 py-2 text-sm text-warning"
    >
      {wrong.map(({ node, problem }) => (
        <p key={node}>
          Nothing is counted on {node}: {problem}.
        </p>
      ))}
      <p>
        <Link className="underline" href={`/c/${clusterId}/parameters`}>
          Parameters
        </Link>{' '}
        shows what waits for a restart, and restarts every node.
      </p>
    </div>
  );
}

function Filters({
  clusterId,
  node,
  order,
  onChange,
}: {
  clusterId: string;
  node: string | null;
  order: Order;
  onChange(next: { node?: string | null; order?: Order }): void;
}) {
  return (
    <div className="grid gap-3 sm:grid-cols-2 lg:grid-cols-4">
      <NodeField
        {...{ clusterId, node, isDataOnly: true }}
        all="All together"
        onChange={(next) => onChange({ node: next })}
      />
      <SelectField
        label="Order by"
        value={order}
        onChange={(event) =>
          onChange({ order: orders.find((each) => each === event.target.value) ?? 'totalMs' })
        }
      >
        {orders.map((each) => (
          <option key={each} value={each}>
            {orderWords[each]}
          </option>
        ))}
      </SelectField>
    </div>
  );
}
