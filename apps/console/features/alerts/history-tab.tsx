'use client';

import type { AppRouter } from '@quantadb/api/client-types';
import { ageText } from '@quantadb/ui/patterns/stale';
import { Empty, Failed, Loading } from '@quantadb/ui/patterns/states';
import { Badge } from '@quantadb/ui/patterns/status';
import { type Column, Table } from '@quantadb/ui/patterns/table';
import { Button } from '@quantadb/ui/primitives/button';
import { Panel } from '@quantadb/ui/primitives/panel';
import { useInfiniteQuery } from '@tanstack/react-query';
import type { inferRouterOutputs } from '@trpc/server';
import { useTimes } from '../../lib/time.ts';
import { problemOf, useTRPC, useTRPCClient } from '../../lib/trpc.ts';
import { severityTones } from './words.ts';

type Past = inferRouterOutputs<AppRouter>['alerts']['history'][number];
const pageSize = 50;

/** What is over, the newest first. */
export function HistoryTab() {
  const trpc = useTRPC();
  const client = useTRPCClient();
  const times = useTimes();
  const history = useInfiniteQuery({
    queryKey: trpc.alerts.history.pathKey(),
    queryFn: ({ pageParam }) => client.alerts.history.query({ limit: pageSize, ...pageParam }),
    initialPageParam: {} as { before?: string; beforeId?: string },
    getNextPageParam: (page: Past[]) => {
      const last = page.length === pageSize ? page.at(-1) : undefined;
      return last?.resolved ? { before: last.resolved, beforeId: last.id } : undefined;
    },
  });
  const columns: Column<Past>[] = [
    { key: 'at', header: 'From', cell: (row) => times.moment(row.firing ?? row.since) },
    {
      key: 'lasted',
      header: 'Lasted',
      cell: (row) => ageText(Date.parse(row.resolved ?? row.since) - Date.parse(row.firing ?? row.since)),
      isNumeric: true,
    },
    {
      key: 'severity',
      header: 'Severity',
      cell: (row) => <Badge tone={severityTones[row.severity]}>{row.severity}</Badge>,
    },
    { key: 'title', header: 'Alert', cell: (row) => <span className="font-medium">{row.title}</span> },
    {
      key: 'sentence',
      header: 'At last',
      cell: (row) => times.sentence(row.sentence, row.resolved ?? row.since),
      isMinor: true,
    },
    { key: 'who', header: 'Acknowledged by', cell: (row) => row.acknowledged?.by ?? '', isMinor: true },
  ];
  const rows = history.data?.pages.flat() ?? [];
  return (
    <Panel isFlush>
      {history.isPending ? <Loading label="Loading the history of alerts" /> : null}
      {history.error ? <Failed {...problemOf(history.error)} onRetry={() => void history.refetch()} /> : null}
      {history.data && rows.length === 0 ? <Empty title="No alert has ended yet" /> : null}
      {rows.length > 0 ? (
        <Table caption="Alerts that are over" columns={columns} rows={rows} keyOf={(row) => row.id} />
      ) : null}
      {history.hasNextPage ? (
        <div className="border-line border-t p-3 text-center">
          <Button isBusy={history.isFetchingNextPage} onClick={() => void history.fetchNextPage()}>
            Older ones
          </Button>
        </div>
      ) : null}
    </Panel>
  );
}
