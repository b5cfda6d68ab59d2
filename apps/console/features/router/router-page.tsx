'use client';

import type { ClusterStatus } from '@quantadb/api/client-types';
import { Stale } from '@quantadb/ui/patterns/stale';
import { Empty, Failed, Loading } from '@quantadb/ui/patterns/states';
import { Panel } from '@quantadb/ui/primitives/panel';
import { parseAsStringLiteral, useQueryState } from 'nuqs';
import { useEffect, useRef, useState } from 'react';
import { useCluster, useClusterNow } from '../../lib/live.tsx';
import { problemOf } from '../../lib/trpc.ts';
import { routerGroup } from '../figures/charts.ts';
import { FigureGroup } from '../figures/figure-group.tsx';
import { rangeNames, ranges } from '../figures/ranges.ts';
import type { Intent } from '../operations/intent.ts';
import { OperationDialog } from '../operations/operation-dialog.tsx';
import { RangePicker } from '../shell/range-picker.tsx';
import { RouterSettings } from './router-settings.tsx';
import { RoutersTable } from './routers-table.tsx';
import { appendLooks, type Look } from './traffic.ts';

const tickMs = 1000;

/** What clients of the cluster meet: who waits, how much goes through, and how routers are set. */
export function RouterPage({ clusterId }: { clusterId: string }) {
  const { told, ageMs, error, refetch } = useClusterNow(clusterId);
  const looks = useLooks(clusterId);
  const [intent, setIntent] = useState<Intent | null>(null);
  const [range, setRange] = useQueryState('range', parseAsStringLiteral(rangeNames).withDefault('15m'));
  if (!told && error) return <Failed {...problemOf(error)} onRetry={refetch} />;
  if (!told) return <Loading label="Loading the routers" />;
  const { status } = told;
  return (
    <>
      <div className="flex flex-wrap items-center justify-between gap-3">
        <h1 className="font-semibold text-xl">Routers</h1>
        <RangePicker names={rangeNames} range={range} onPick={(next) => void setRange(next)} />
      </div>
      {status.routers.length === 0 ? (
        <None />
      ) : (
        <>
          <Traffic {...{ status, ageMs, looks }} />
          <FigureGroup clusterId={clusterId} group={routerGroup} spanMs={ranges[range]} />
        </>
      )}
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
    <Panel title="Clients and servers" isFlush>
      <Stale ageMs={ageMs}>
        <RoutersTable routers={status.routers} looks={looks} />
      </Stale>
    </Panel>
  );
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
