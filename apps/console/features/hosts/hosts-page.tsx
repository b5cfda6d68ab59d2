'use client';

import type { AppRouter } from '@quantadb/api/client-types';
import { Empty, Failed, Loading } from '@quantadb/ui/patterns/states';
import { Status, type Tone } from '@quantadb/ui/patterns/status';
import { type Column, Table } from '@quantadb/ui/patterns/table';
import { Button } from '@quantadb/ui/primitives/button';
import { Dialog } from '@quantadb/ui/primitives/dialog';
import { Panel } from '@quantadb/ui/primitives/panel';
import { useMutation, useQuery } from '@tanstack/react-query';
import type { inferRouterOutputs } from '@trpc/server';
import { Plus } from 'lucide-react';
import Link from 'next/link';
import { useState } from 'react';
import { useTimes } from '../../lib/time.ts';
import { problemOf, useTRPC } from '../../lib/trpc.ts';
import { Copyable } from '../shell/copyable.tsx';
import { useMay } from '../shell/me.ts';
import { EndEnrolment } from './end-enrolment.tsx';
import { FoundCluster } from './found-cluster.tsx';

type Host = inferRouterOutputs<AppRouter>['hosts']['list'][number];
const tones: Record<Host['state'], Tone> = { available: 'good', member: 'good', unreachable: 'critical' };
const refetchMs = 5000;

export function HostsPage() {
  const trpc = useTRPC();
  const times = useTimes();
  const may = useMay();
  const [founding, setFounding] = useState<string | null>(null);
  const [leaving, setLeaving] = useState<string | null>(null);
  const hosts = useQuery({ ...trpc.hosts.list.queryOptions({}), refetchInterval: refetchMs });
  const token = useMutation(trpc.hosts.createEnrolmentToken.mutationOptions());
  const columns = columnsOf(times, may.administer ? { onFound: setFounding, onEnd: setLeaving } : null);
  const enrol = may.administer ? (
    <Button icon={<Plus size={14} aria-hidden />} isBusy={token.isPending} onClick={() => token.mutate({})}>
      Enrol a host
    </Button>
  ) : null;
  return (
    <>
      <h1 className="font-semibold text-xl">Hosts</h1>
      <Panel title="Machines with a daemon" actions={enrol} isFlush>
        {hosts.isPending ? <Loading label="Loading hosts" /> : null}
        {hosts.error ? <Failed {...problemOf(hosts.error)} onRetry={() => void hosts.refetch()} /> : null}
        {token.error ? <Failed {...problemOf(token.error)} /> : null}
        {hosts.data?.length === 0 ? (
          <Empty title="No host is enrolled">
            Choose “Enrol a host” and run the command it shows on the machine.
          </Empty>
        ) : null}
        {hosts.data && hosts.data.length > 0 ? (
          <Table caption="Hosts" columns={columns} rows={hosts.data} keyOf={(row) => row.name} />
        ) : null}
      </Panel>
      {founding ? <FoundCluster host={founding} onClose={() => setFounding(null)} /> : null}
      {leaving ? (
        <EndEnrolment host={leaving} onClose={() => setLeaving(null)} onDone={() => void hosts.refetch()} />
      ) : null}
      {token.data ? (
        <Dialog
          isOpen
          onClose={() => token.reset()}
          title="Enrol a host"
          description="Run this on the machine. The token lets one host in, once, within the hour."
        >
          <Copyable
            text={`quantadb host enroll ${window.location.origin} --token ${token.data.token} --fingerprint ${token.data.authorityFingerprint}`}
          />
          <p className="mt-3 text-ink-soft text-xs">
            Add <code>--address</code> with the address at which the other hosts reach it;{' '}
            <code>--witness</code> or <code>--router-only</code> for a machine without data. The command says
            how to start the daemon: then the host is in this list.
          </p>
        </Dialog>
      ) : null}
    </>
  );
}

function columnsOf(
  times: ReturnType<typeof useTimes>,
  actions: { onFound(host: string): void; onEnd(host: string): void } | null,
): Column<Host>[] {
  const columns: Column<Host>[] = [
    { key: 'name', header: 'Host', cell: nameOf },
    { key: 'state', header: 'State', cell: (row) => <Status tone={tones[row.state]}>{row.state}</Status> },
    { key: 'cluster', header: 'Cluster', cell: clusterOf },
    { key: 'version', header: 'Version', cell: (row) => row.version ?? '–', isMinor: true },
    {
      key: 'seen',
      header: 'Last seen',
      cell: (row) => (row.lastSeenAt ? times.moment(row.lastSeenAt) : 'never'),
      isMinor: true,
    },
    {
      key: 'certificate',
      header: 'Certificate until',
      cell: (row) => times.moment(row.certificateExpiresAt),
      isMinor: true,
    },
  ];
  if (actions)
    columns.push({
      key: 'actions',
      header: '',
      cell: ({ name, kind, state, clusterId }) => (
        <span className="flex flex-wrap gap-1">
          {kind === 'data' && state === 'available' ? (
            <Button tone="quiet" onClick={() => actions.onFound(name)}>
              Found a cluster…
            </Button>
          ) : null}
          {clusterId === null ? (
            <Button tone="quiet" onClick={() => actions.onEnd(name)}>
              End enrolment…<span className="sr-only"> of {name}</span>
            </Button>
          ) : null}
        </span>
      ),
    });
  return columns;
}

/** A data host is a node of its cluster, with a page of its own; the others only vote or route. */
function nameOf({ name, kind, clusterId }: Host) {
  if (!clusterId || kind !== 'data') return <span className="font-medium">{name}</span>;
  return (
    <Link className="font-medium text-accent" href={`/c/${clusterId}/nodes/${name}`}>
      {name}
    </Link>
  );
}

function clusterOf({ cluster, clusterId }: Host) {
  if (!cluster || !clusterId) return '–';
  return (
    <Link className="underline" href={`/c/${clusterId}`}>
      {cluster}
    </Link>
  );
}
