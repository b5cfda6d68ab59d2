'use client';

import type { AppRouter } from '@quantadb/api/client-types';
import { durationText } from '@quantadb/ui/charts/units';
import { Empty, Failed, Loading } from '@quantadb/ui/patterns/states';
import { Status } from '@quantadb/ui/patterns/status';
import { type Column, Table } from '@quantadb/ui/patterns/table';
import { Panel } from '@quantadb/ui/primitives/panel';
import { useQuery } from '@tanstack/react-query';
import type { inferRouterOutputs } from '@trpc/server';
import Link from 'next/link';
import { useTimes } from '../../lib/time.ts';
import { problemOf, useTRPC } from '../../lib/trpc.ts';
import { shortWordsOf } from './explain.ts';
import { failoverTone } from './tones.ts';

type Row = inferRouterOutputs<AppRouter>['failovers']['list'][number];

function Loss({ possible }: { possible: boolean | null }) {
  if (possible === null) return <Status tone="muted">not known</Status>;
  return <Status tone={possible ? 'critical' : 'good'}>{possible ? 'may be lost' : 'nothing lost'}</Status>;
}

/** Every change of primary that the control plane has heard of. */
export function FailoversPage({ clusterId }: { clusterId: string }) {
  const trpc = useTRPC();
  const times = useTimes();
  const failovers = useQuery(trpc.failovers.list.queryOptions({ clusterId, limit: 100 }));
  const columns: Column<Row>[] = [
    {
      key: 'what',
      header: 'From → to',
      cell: (row) => (
        <Link
          className="font-medium text-accent"
          href={`/c/${clusterId}/failovers/${encodeURIComponent(row.id)}`}
        >
          {row.oldPrimary ?? 'nobody'} → {row.newPrimary ?? 'not decided'}
        </Link>
      ),
    },
    { key: 'kind', header: 'Kind', cell: (row) => row.kind },
    {
      key: 'state',
      header: 'State',
      cell: (row) => <Status tone={failoverTone(row.state)}>{shortWordsOf(row.state)}</Status>,
    },
    {
      key: 'loss',
      header: 'Data',
      cell: (row) => <Loss possible={row.dataLossPossible} />,
    },
    { key: 'began', header: 'Began', cell: (row) => times.moment(row.startedAt) },
    {
      key: 'took',
      header: 'Until all were back',
      isNumeric: true,
      cell: (row) => (row.endedAt ? durationText(Date.parse(row.endedAt) - Date.parse(row.startedAt)) : '–'),
    },
    {
      key: 'reason',
      header: 'Reason',
      cell: (row) => times.sentence(row.reason, row.startedAt),
      isMinor: true,
    },
  ];
  return (
    <>
      <h1 className="font-semibold text-xl">Failovers</h1>
      <Panel isFlush>
        {failovers.isPending ? <Loading label="Loading failovers" /> : null}
        {failovers.error ? (
          <Failed {...problemOf(failovers.error)} onRetry={() => void failovers.refetch()} />
        ) : null}
        {failovers.data?.length === 0 ? (
          <Empty title="The primary has never changed">
            Each failover and switchover is explained here: what was seen, who could take over, what was lost.
          </Empty>
        ) : null}
        {failovers.data && failovers.data.length > 0 ? (
          <Table
            caption="Failovers, the newest first"
            columns={columns}
            rows={failovers.data}
            keyOf={(row) => row.id}
          />
        ) : null}
      </Panel>
    </>
  );
}
