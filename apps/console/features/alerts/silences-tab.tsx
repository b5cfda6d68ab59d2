'use client';

import type { AppRouter } from '@quantadb/api/client-types';
import { Empty, Failed, Loading } from '@quantadb/ui/patterns/states';
import { type Column, Table } from '@quantadb/ui/patterns/table';
import { Button } from '@quantadb/ui/primitives/button';
import { Panel } from '@quantadb/ui/primitives/panel';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import type { inferRouterOutputs } from '@trpc/server';
import { useLive } from '../../lib/live.tsx';
import { useTimes } from '../../lib/time.ts';
import { problemOf, useTRPC } from '../../lib/trpc.ts';
import { useMay } from '../shell/me.ts';

type Silence = inferRouterOutputs<AppRouter>['alerts']['silences'][number];

/** What is kept quiet now, by whom and until when. */
export function SilencesTab() {
  const trpc = useTRPC();
  const times = useTimes();
  const queries = useQueryClient();
  const { clusters } = useLive();
  const silences = useQuery(trpc.alerts.silences.queryOptions({}));
  const end = useMutation(
    trpc.alerts.endSilence.mutationOptions({
      onSettled: () => void queries.invalidateQueries({ queryKey: trpc.alerts.pathKey() }),
    }),
  );
  const rules = useQuery(trpc.alertRules.list.queryOptions({}));
  const titleOf = (rule: string) => rules.data?.find(({ id }) => id === rule)?.title ?? rule;
  const what = ({ rule, subject, clusterId }: Silence) =>
    [
      rule === null ? 'Every rule' : titleOf(rule),
      subject ? `of ${subject}` : null,
      clusterId ? `in ${clusters.get(clusterId)?.status.name ?? clusterId}` : null,
    ]
      .filter((part) => part !== null)
      .join(' ');
  const columns: Column<Silence>[] = [
    { key: 'what', header: 'What', cell: (row) => <span className="font-medium">{what(row)}</span> },
    { key: 'until', header: 'Until', cell: (row) => times.moment(row.endsAt) },
    { key: 'reason', header: 'Reason', cell: (row) => row.reason },
    { key: 'by', header: 'By', cell: (row) => row.createdBy, isMinor: true },
    {
      key: 'actions',
      header: '',
      cell: (row) => <EndNow silence={row} what={what(row)} onEnd={() => end.mutate({ id: row.id })} />,
    },
  ];
  return (
    <Panel isFlush>
      {silences.isPending ? <Loading label="Loading silences" /> : null}
      {silences.error ? (
        <Failed {...problemOf(silences.error)} onRetry={() => void silences.refetch()} />
      ) : null}
      {end.error ? <Failed {...problemOf(end.error)} /> : null}
      {silences.data?.length === 0 ? (
        <Empty title="Nothing is silenced">An alert that fires can be silenced from its line.</Empty>
      ) : null}
      {silences.data && silences.data.length > 0 ? (
        <Table caption="Silences in force" columns={columns} rows={silences.data} keyOf={(row) => row.id} />
      ) : null}
    </Panel>
  );
}

/** Who may end it is another person for each cluster. */
export function EndNow({
  silence,
  what,
  onEnd,
}: {
  silence: Pick<Silence, 'clusterId'>;
  what: string;
  onEnd(): void;
}) {
  const may = useMay(silence.clusterId ?? undefined);
  if (!may.operate) return null;
  return (
    <Button onClick={onEnd}>
      End now<span className="sr-only">: {what}</span>
    </Button>
  );
}
