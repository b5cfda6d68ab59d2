'use client';

import type { AppRouter } from '@quantadb/api/client-types';
import { Failed, Loading } from '@quantadb/ui/patterns/states';
import { Badge } from '@quantadb/ui/patterns/status';
import { type Column, Table } from '@quantadb/ui/patterns/table';
import { Button } from '@quantadb/ui/primitives/button';
import { Panel } from '@quantadb/ui/primitives/panel';
import { useMutation, useQuery } from '@tanstack/react-query';
import type { inferRouterOutputs } from '@trpc/server';
import { useTimes } from '../../lib/time.ts';
import { problemOf, useTRPC } from '../../lib/trpc.ts';
import { deviceOf } from './device.ts';

type Session = inferRouterOutputs<AppRouter>['account']['sessions'][number];

export function SessionsPanel() {
  const trpc = useTRPC();
  const times = useTimes();
  const sessions = useQuery(trpc.account.sessions.queryOptions({}));
  const refresh = () => void sessions.refetch();
  const end = useMutation(trpc.account.endSession.mutationOptions({ onSettled: refresh }));
  const endOthers = useMutation(trpc.account.endOtherSessions.mutationOptions({ onSettled: refresh }));
  const problem = end.error ?? endOthers.error;
  const columns: Column<Session>[] = [
    {
      key: 'device',
      header: 'Device',
      cell: (row) => (
        <span className="flex flex-wrap items-center gap-2 font-medium" title={row.userAgent ?? undefined}>
          {deviceOf(row.userAgent)}
          {row.isThisOne ? <Badge tone="good">this one</Badge> : null}
        </span>
      ),
    },
    { key: 'address', header: 'Address', cell: (row) => row.address ?? 'unknown' },
    { key: 'seen', header: 'Last seen', cell: (row) => times.moment(row.lastSeenAt) },
    { key: 'since', header: 'Signed in', cell: (row) => times.moment(row.createdAt), isMinor: true },
    {
      key: 'actions',
      header: '',
      cell: (row) =>
        row.isThisOne ? null : (
          <Button tone="danger" onClick={() => end.mutate({ id: row.id })}>
            Sign out<span className="sr-only"> {deviceOf(row.userAgent)}</span>
          </Button>
        ),
    },
  ];
  const others = sessions.data?.some((row) => !row.isThisOne) ?? false;
  return (
    <Panel
      title="Where you are signed in"
      actions={
        others ? (
          <Button tone="danger" isBusy={endOthers.isPending} onClick={() => endOthers.mutate({})}>
            Sign out everywhere else
          </Button>
        ) : null
      }
      isFlush
    >
      {sessions.isPending ? <Loading label="Loading sessions" /> : null}
      {sessions.error ? <Failed {...problemOf(sessions.error)} onRetry={refresh} /> : null}
      {problem ? <Failed {...problemOf(problem)} /> : null}
      {sessions.data ? (
        <Table caption="Your sessions" columns={columns} rows={sessions.data} keyOf={(row) => row.id} />
      ) : null}
    </Panel>
  );
}
