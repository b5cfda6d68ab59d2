'use client';

import type { ClusterStatus } from '@quantadb/api/client-types';
import { Stale, staleAfterMs } from '@quantadb/ui/patterns/stale';
import { Empty, Failed, Loading } from '@quantadb/ui/patterns/states';
import { Badge, Mark } from '@quantadb/ui/patterns/status';
import { Topology } from '@quantadb/ui/patterns/topology';
import { Panel } from '@quantadb/ui/primitives/panel';
import { useState } from 'react';
import { useClusterNow } from '../../lib/live.tsx';
import { useTimes } from '../../lib/time.ts';
import { problemOf } from '../../lib/trpc.ts';
import { ClusterAlerts } from '../alerts/cluster-alerts.tsx';
import { endedStates } from '../failovers/explain.ts';
import type { Intent } from '../operations/intent.ts';
import { OperationDialog } from '../operations/operation-dialog.tsx';
import { RunningOperation } from '../operations/running-operation.tsx';
import { AddNode } from './add-node.tsx';
import { CloneProgress } from './clone-progress.tsx';
import { ClusterEvents } from './cluster-events.tsx';
import { ClusterMenu } from './cluster-menu.tsx';
import { FailoverPanel } from './failover-panel.tsx';
import { FollowersPanel, SourcePanel, shownSource } from './following.tsx';
import { LagCharts } from './lag-charts.tsx';
import { NetworkPanel } from './network.tsx';
import { NoQuorum } from './no-quorum.tsx';
import { NodeMenu } from './node-menu.tsx';
import { NodesTable } from './nodes-table.tsx';
import { Protection } from './protection.tsx';
import { Scheduled } from './scheduled.tsx';
import { healthTones, healthWords, nodeTone, nodeWords } from './words.ts';

/** What an on-call engineer needs first: the verdict, then who is what, then lag, then what happened. */
export function ClusterPage({ clusterId }: { clusterId: string }) {
  const { told, ageMs, error, refetch } = useClusterNow(clusterId);
  const [intent, setIntent] = useState<Intent | null>(null);
  if (!told && error) return <Failed {...problemOf(error)} onRetry={refetch} />;
  if (!told) return <Loading label="Loading the cluster" />;
  const { status } = told;
  // What goes on now stands on top; what is over, among what has happened.
  const isChanging = status.failover !== null && !endedStates.has(status.failover.state);
  const failover = status.failover && <FailoverPanel clusterId={clusterId} failover={status.failover} />;
  return (
    <>
      <Verdict status={status} ageMs={ageMs} />
      {status.noQuorum ? <NoQuorum noQuorum={status.noQuorum} /> : null}
      {isChanging ? failover : null}
      <ClusterAlerts clusterId={clusterId} />
      {status.source ? <SourcePanel source={status.source} onChoose={setIntent} /> : null}
      <RunningOperation clusterId={clusterId} />
      <Scheduled entries={status.scheduled} onChoose={setIntent} />
      <CloneProgress nodes={status.nodes} />
      <Panel
        title="Topology"
        actions={
          <>
            <AddNode onChoose={setIntent} />
            <ClusterMenu onChoose={setIntent} />
          </>
        }
      >
        <Stale ageMs={ageMs}>
          {status.nodes.length === 0 ? <Empty title="No nodes" /> : null}
          <Topology
            source={status.source ? shownSource(status.source) : null}
            nodes={status.nodes.map((node) => ({
              ...node,
              tone: nodeTone(node),
              state: nodeWords(node),
              isRaftLeader: status.raft.leader === node.name,
              isInMaintenance: node.maintenance,
              notes: node.notes,
              href: `/c/${clusterId}/nodes/${node.name}`,
              menu: <NodeMenu node={node} nodes={status.nodes} onChoose={setIntent} />,
            }))}
          />
        </Stale>
      </Panel>
      <FollowersPanel followers={status.followers} onChoose={setIntent} />
      {status.network && status.nodes.length > 1 ? <NetworkPanel network={status.network} /> : null}
      <LagCharts clusterId={clusterId} />
      <Panel title="Nodes" isFlush>
        <NodesTable clusterId={clusterId} nodes={withSource(status)} ageMs={ageMs} />
      </Panel>
      {isChanging ? null : failover}
      <ClusterEvents clusterId={clusterId} />
      <Protection clusterId={clusterId} name={status.name} />
      {intent ? (
        <OperationDialog
          clusterId={clusterId}
          clusterName={status.name}
          intent={intent}
          onClose={() => setIntent(null)}
        />
      ) : null}
    </>
  );
}

/** The one that streams from another cluster has no upstream here. */
function withSource({ nodes, source }: ClusterStatus): ClusterStatus['nodes'] {
  if (!source?.isStreaming) return nodes;
  return nodes.map((node) => (node.name === source.leader ? { ...node, streamsFrom: source.name } : node));
}

function Verdict({ status, ageMs }: { status: ClusterStatus; ageMs: number | null }) {
  const times = useTimes();
  const facts = [
    `epoch ${status.epoch}`,
    `timeline ${status.timeline}`,
    `durability ${status.durability}`,
    `decided by ${status.raft.leader ?? 'nobody'} (term ${status.raft.term})`,
  ];
  return (
    <Stale ageMs={ageMs}>
      <div className="flex flex-wrap items-center gap-x-3 gap-y-1">
        <h1 className="flex items-center gap-2 font-semibold text-xl">
          <Mark tone={healthTones[status.health]} />
          {status.name}
        </h1>
        <Badge tone={healthTones[status.health]}>{healthWords[status.health]}</Badge>
      </div>
      <p className="mt-1 text-base">{times.sentence(status.verdict)}</p>
      {/* Read out when it changes; the sentence has figures in it that change all the time. */}
      <p className="sr-only" role="status">
        {ageMs === null || ageMs > staleAfterMs
          ? `${status.name}: no longer live`
          : `${status.name} is ${healthWords[status.health]}`}
      </p>
      <p className="text-ink-faint text-xs">{facts.join(' · ')}</p>
      {status.advice ? <p className="mt-1 text-ink-soft text-sm">{times.sentence(status.advice)}</p> : null}
    </Stale>
  );
}
