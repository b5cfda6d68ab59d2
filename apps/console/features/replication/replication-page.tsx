'use client';

import type { ClusterStatus } from '@quantadb/api/client-types';
import { Stale } from '@quantadb/ui/patterns/stale';
import { Empty, Failed, Loading } from '@quantadb/ui/patterns/states';
import { Panel } from '@quantadb/ui/primitives/panel';
import { useQuery } from '@tanstack/react-query';
import { consoleNowMs, type Told } from '../../lib/ages.ts';
import { useClusterNow, useNow } from '../../lib/live.tsx';
import { problemOf, spanKeptMs, useTRPC } from '../../lib/trpc.ts';
import { LagCharts } from '../cluster/lag-charts.tsx';
import { newestOf } from '../figures/charts.ts';
import { graphOf } from './graph.ts';
import { GraphView } from './graph-view.tsx';
import { type Disk, type NodeReplication, slotRows } from './slots.ts';
import { SlotsTable } from './slots-table.tsx';
import { StandbysTable } from './standbys-table.tsx';

const lookEveryMs = 1000;
const figuresEveryMs = 5000;
const lookBackMs = 60_000;
const diskNames = 'diskFreeBytes,walBytesPerSecond';

/** Who sends WAL to whom, how far behind each is, and what is kept for those that are not there. */
export function ReplicationPage({ clusterId }: { clusterId: string }) {
  const trpc = useTRPC();
  const { told, ageMs, error, refetch } = useClusterNow(clusterId);
  const looked = useQuery({
    ...trpc.replication.look.queryOptions({ clusterId }),
    refetchInterval: lookEveryMs,
  });
  const disks = useDisks(clusterId, told);
  if (!told && error) return <Failed {...problemOf(error)} onRetry={refetch} />;
  if (!told) return <Loading label="Loading replication" />;
  const { status } = told;
  const nodes = looked.data?.nodes ?? [];
  return (
    <>
      <div>
        <h1 className="font-semibold text-xl">Replication</h1>
        <p className="text-ink-soft text-sm">{promiseOf(status)}</p>
      </div>
      <Flows clusterId={clusterId} status={status} nodes={nodes} ageMs={ageMs} />
      <Panel title="Slots" isFlush>
        <Slots nodes={nodes} looked={looked} disks={disks} />
      </Panel>
      <LagCharts clusterId={clusterId} />
    </>
  );
}

function Flows(props: {
  clusterId: string;
  status: ClusterStatus;
  nodes: NodeReplication[];
  ageMs: number | null;
}) {
  const { clusterId, status, nodes, ageMs } = props;
  const graph = graphOf(status);
  return (
    <>
      <Panel title="Who streams from whom">
        <Stale ageMs={ageMs}>
          {graph.places.length === 0 ? <Empty title="No node holds data" /> : null}
          <GraphView clusterId={clusterId} graph={graph} />
          {status.primary !== null && graph.places.length > 0 && graph.flows.length === 0 ? (
            <p className="mt-3 text-ink-soft text-sm">No standby: what is written is on one node only.</p>
          ) : null}
        </Stale>
      </Panel>
      {graph.flows.length > 0 ? (
        <Panel title="Standbys" isFlush>
          <Stale ageMs={ageMs}>
            <StandbysTable clusterId={clusterId} status={status} replication={nodes} />
          </Stale>
        </Panel>
      ) : null}
    </>
  );
}

function Slots(props: {
  nodes: NodeReplication[];
  looked: { error: unknown; isPending: boolean; dataUpdatedAt: number; refetch(): unknown };
  disks: ReadonlyMap<string, Disk>;
}) {
  const { nodes, looked, disks } = props;
  const nowMs = useNow(lookEveryMs);
  if (looked.isPending && !looked.error) return <Loading label="Asking the servers" />;
  if (looked.error && nodes.length === 0)
    return <Failed {...problemOf(looked.error)} onRetry={() => void looked.refetch()} />;
  const slots = slotRows(nodes);
  const silent = nodes.filter(({ problem }) => problem !== null);
  return (
    <Stale ageMs={nowMs - looked.dataUpdatedAt}>
      {slots.length === 0 ? (
        <Empty title="No server keeps WAL for anybody" />
      ) : (
        <SlotsTable slots={slots} disks={disks} />
      )}
      {silent.map(({ node, problem }) => (
        <p key={node} className="px-4 py-2 text-ink-soft text-xs">
          {node} could not be asked: {problem}
        </p>
      ))}
    </Stale>
  );
}

/** The disk of every node, as it was told last. */
function useDisks(clusterId: string, told: Told | null): ReadonlyMap<string, Disk> {
  const trpc = useTRPC();
  const nowMs = consoleNowMs(told, useNow(lookEveryMs));
  const toMs = Math.ceil(nowMs / figuresEveryMs) * figuresEveryMs;
  const input = {
    ...{ clusterId, names: diskNames },
    ...{ from: new Date(toMs - lookBackMs).toISOString(), to: new Date(toMs).toISOString() },
  };
  const { data } = useQuery({
    ...trpc.clusters.figures.queryOptions(input),
    gcTime: spanKeptMs,
    placeholderData: (last) => last,
  });
  return new Map(data ? newestOf(data).map(({ node, values }) => [node, values]) : []);
}

function promiseOf({ durability, nodes, primary, source }: ClusterStatus): string {
  const waited = nodes
    .filter(({ sync, role }) => sync === 'quorum' && role !== 'primary')
    .map(({ name }) => name);
  if (source)
    return `It follows ${source.name}: what is written there arrives here, and nothing is written here.`;
  if (primary === null) return 'There is no primary: nothing is written now.';
  if (waited.length === 0) return `Durability ${durability}: commits wait for no standby.`;
  if (waited.length === 1) return `Durability ${durability}: commits wait for ${waited[0]}.`;
  const share = durability.startsWith('all') ? 'all' : 'a quorum';
  return `Durability ${durability}: commits wait for ${share} of ${waited.join(', ')}.`;
}
