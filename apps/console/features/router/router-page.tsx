'use client';

import type { ClusterStatus } from '@quantadb/api/client-types';
import { TimeSeries } from '@quantadb/ui/charts/time-series';
import { Stale } from '@quantadb/ui/patterns/stale';
import { Empty, Failed, Loading } from '@quantadb/ui/patterns/states';
import { Panel } from '@quantadb/ui/primitives/panel';
import { useQuery } from '@tanstack/react-query';
import { useEffect, useRef, useState } from 'react';
import { useCluster, useNow } from '../../lib/live.tsx';
import { useTimes } from '../../lib/time.ts';
import { problemOf, useTRPC } from '../../lib/trpc.ts';
import type { Intent } from '../operations/intent.ts';
import { OperationDialog } from '../operations/operation-dialog.tsx';
import { RouterSettings } from './router-settings.tsx';
import { RoutersTable } from './routers-table.tsx';
import { appendLooks, type Look, linesOf, statementsPerSecond, windowMs } from './traffic.ts';

const tickMs = 1000;

/** What clients of the cluster meet: who waits, how much goes through, and how routers are set. */
export function RouterPage({ clusterId }: { clusterId: string }) {
  const trpc = useTRPC();
  const stored = useQuery(trpc.clusters.get.queryOptions({ clusterId }));
  const { heard, ageMs } = useCluster(clusterId);
  const looks = useLooks(clusterId);
  const [intent, setIntent] = useState<Intent | null>(null);
  const status = heard?.status ?? stored.data?.status ?? null;
  if (!status && stored.error)
    return <Failed {...problemOf(stored.error)} onRetry={() => void stored.refetch()} />;
  if (!status) return <Loading label="Loading the routers" />;
  return (
    <>
      <h1 className="font-semibold text-xl">Routers</h1>
      {status.routers.length === 0 ? <None /> : <Traffic {...{ status, ageMs, looks }} />}
      <RouterSettings clusterId={clusterId} routers={status.routers} onChoose={setIntent} />
      {intent ? (
        <OperationDialog clusterId={clusterId} intent={intent} onClose={() => setIntent(null)} />
      ) : null}
    </>
  );
}

function None() {
  return (
    <Panel>
      <Empty title="No router is open for clients">
        <p>
          A data host has one when it was enrolled with a router port, and so has a host that only routes (
          <code>quantadb host enroll … --router-only</code>).
        </p>
      </Empty>
    </Panel>
  );
}

function Traffic({ status, ageMs, looks }: { status: ClusterStatus; ageMs: number | null; looks: Look[] }) {
  return (
    <>
      <Panel title="Clients and servers" isFlush>
        <Stale ageMs={ageMs}>
          <RoutersTable routers={status.routers} looks={looks} />
        </Stale>
      </Panel>
      <Charts looks={looks} />
    </>
  );
}

/** They begin when the page is opened: routers count, and nobody keeps what they counted. */
function Charts({ looks }: { looks: Look[] }) {
  const times = useTimes();
  const toMs = useNow(tickMs);
  const series = [...new Set(looks.map(({ node }) => node))].sort();
  const shared = { series, fromMs: toMs - windowMs, toMs, timeText: times.clock };
  return (
    <Panel title="The last five minutes, since this page was opened">
      <div className="grid gap-6 lg:grid-cols-2">
        <TimeSeries
          label="Statements per second"
          points={linesOf(looks, statementsPerSecond)}
          format={countText}
          topMin={10}
          {...shared}
        />
        <TimeSeries
          label="Sessions that wait for a server"
          points={linesOf(looks, (look) => look.traffic.waiting)}
          format={countText}
          topMin={5}
          {...shared}
        />
      </div>
    </Panel>
  );
}

function countText(value: number | null): string {
  if (value === null) return '–';
  return value >= 100 ? Math.round(value).toLocaleString('en-GB') : value.toFixed(value % 1 === 0 ? 0 : 1);
}

/** One look per second and router, from what the live connection brings. */
function useLooks(clusterId: string): Look[] {
  const { heard } = useCluster(clusterId);
  const [looks, setLooks] = useState<Look[]>([]);
  const lastMs = useRef(0);
  useEffect(() => {
    if (!heard || heard.heardAtMs < lastMs.current + tickMs) return;
    lastMs.current = heard.heardAtMs;
    setLooks((before) => appendLooks(before, heard.status.routers, heard.heardAtMs));
  }, [heard]);
  return looks;
}
