'use client';

import { durationText } from '@quantadb/ui/charts/units';
import { Empty, Failed, Loading } from '@quantadb/ui/patterns/states';
import { Status } from '@quantadb/ui/patterns/status';
import { type Column, Table } from '@quantadb/ui/patterns/table';
import { Panel } from '@quantadb/ui/primitives/panel';
import { useQuery } from '@tanstack/react-query';
import Link from 'next/link';
import { useTimes } from '../../lib/time.ts';
import { problemOf, useTRPC } from '../../lib/trpc.ts';
import type { OperationView } from './intent.ts';
import { wordsOfOperation } from './kinds.ts';
import { operationTone } from './steps.tsx';

export function OperationsPage({ clusterId }: { clusterId: string }) {
  const trpc = useTRPC();
  const times = useTimes();
  const operations = useQuery(trpc.operations.list.queryOptions({ clusterId, limit: 100 }));
  const columns: Column<OperationView>[] = [
    {
      key: 'kind',
      header: 'Operation',
      cell: (row) => (
        <Link className="font-medium text-accent" href={`/operations/${row.id}`}>
          {wordsOfOperation(row)}
        </Link>
      ),
    },
    {
      key: 'state',
      header: 'State',
      cell: (row) => <Status tone={operationTone(row.state)}>{row.state}</Status>,
    },
    { key: 'started', header: 'Started', cell: (row) => times.moment(row.startedAt) },
    {
      key: 'took',
      header: 'Took',
      isNumeric: true,
      cell: (row) => (row.endedAt ? durationText(Date.parse(row.endedAt) - Date.parse(row.startedAt)) : '–'),
    },
    { key: 'by', header: 'By', cell: (row) => row.requestedBy, isMinor: true },
    { key: 'reason', header: 'Reason', cell: (row) => row.error ?? row.reason, isMinor: true },
  ];
  return (
    <>
      <h1 className="font-semibold text-xl">Operations</h1>
      <Panel isFlush>
        {operations.isPending ? <Loading label="Loading operations" /> : null}
        {operations.error ? (
          <Failed {...problemOf(operations.error)} onRetry={() => void operations.refetch()} />
        ) : null}
        {operations.data?.length === 0 ? <Empty title="No operation has run yet" /> : null}
        {operations.data && operations.data.length > 0 ? (
          <Table caption="Operations" columns={columns} rows={operations.data} keyOf={(row) => row.id} />
        ) : null}
      </Panel>
    </>
  );
}
