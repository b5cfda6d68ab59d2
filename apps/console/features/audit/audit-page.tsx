'use client';

import type { AppRouter } from '@quantadb/api/client-types';
import { Empty, Failed, Loading } from '@quantadb/ui/patterns/states';
import { Status, type Tone } from '@quantadb/ui/patterns/status';
import { type Column, Table } from '@quantadb/ui/patterns/table';
import { Button } from '@quantadb/ui/primitives/button';
import { Panel } from '@quantadb/ui/primitives/panel';
import { useInfiniteQuery } from '@tanstack/react-query';
import type { inferRouterOutputs } from '@trpc/server';
import Link from 'next/link';
import { useTimes } from '../../lib/time.ts';
import { problemOf, useTRPC, useTRPCClient } from '../../lib/trpc.ts';

type Entry = inferRouterOutputs<AppRouter>['audit']['list'][number];
const pageSize = 50;

const tones: Record<string, Tone> = {
  done: 'good',
  started: 'muted',
  refused: 'warning',
  failed: 'critical',
};

/** What was started leads to how it went on. */
function Action({ entry }: { entry: Entry }) {
  const words = <span className="font-medium">{entry.action}</span>;
  if (entry.outcome !== 'started' || !entry.detail) return words;
  return (
    <Link className="underline" href={`/operations/${entry.detail}`}>
      {words}
    </Link>
  );
}

export function AuditPage() {
  const trpc = useTRPC();
  const client = useTRPCClient();
  const times = useTimes();
  const audit = useInfiniteQuery({
    queryKey: trpc.audit.list.pathKey(),
    queryFn: ({ pageParam }) =>
      client.audit.list.query({ limit: pageSize, ...(pageParam ? { before: pageParam } : {}) }),
    initialPageParam: '',
    getNextPageParam: (page: Entry[]) => (page.length === pageSize ? page.at(-1)?.id : undefined),
  });
  const columns: Column<Entry>[] = [
    {
      key: 'at',
      header: 'When',
      cell: (row) => <span className="whitespace-nowrap">{times.moment(row.at)}</span>,
    },
    {
      key: 'actor',
      header: 'Who',
      cell: (row) => (
        <>
          {row.actor || 'nobody'}
          {row.address ? <span className="block text-ink-soft text-xs">{row.address}</span> : null}
        </>
      ),
    },
    { key: 'action', header: 'What', cell: (row) => <Action entry={row} /> },
    { key: 'target', header: 'On', cell: (row) => row.target, isMinor: true },
    {
      key: 'outcome',
      header: 'Outcome',
      cell: (row) => <Status tone={tones[row.outcome] ?? 'muted'}>{row.outcome}</Status>,
    },
    {
      key: 'reason',
      header: 'Reason',
      cell: (row) => row.reason || (row.outcome === 'started' ? '' : row.detail),
      isMinor: true,
    },
  ];
  const rows = audit.data?.pages.flat() ?? [];
  return (
    <>
      <h1 className="font-semibold text-xl">Audit</h1>
      <Panel isFlush>
        {audit.isPending ? <Loading label="Loading the audit log" /> : null}
        {audit.error ? <Failed {...problemOf(audit.error)} onRetry={() => void audit.refetch()} /> : null}
        {audit.data && rows.length === 0 ? <Empty title="Nothing was changed yet" /> : null}
        {rows.length > 0 ? (
          <Table
            caption="Audit log, the newest first"
            columns={columns}
            rows={rows}
            keyOf={(row) => row.id}
          />
        ) : null}
        {audit.hasNextPage ? (
          <div className="border-line border-t p-3 text-center">
            <Button isBusy={audit.isFetchingNextPage} onClick={() => void audit.fetchNextPage()}>
              Older entries
            </Button>
          </div>
        ) : null}
      </Panel>
    </>
  );
}
