'use client';

import { Stale } from '@quantadb/ui/patterns/stale';
import { Empty, Failed, Loading } from '@quantadb/ui/patterns/states';
import { Badge, Mark } from '@quantadb/ui/patterns/status';
import { Panel } from '@quantadb/ui/primitives/panel';
import { useQuery } from '@tanstack/react-query';
import Link from 'next/link';
import { parseAsStringLiteral, useQueryState } from 'nuqs';
import { useState } from 'react';
import { useClusterNow } from '../../lib/live.tsx';
import { useTimes } from '../../lib/time.ts';
import { problemOf, useTRPC } from '../../lib/trpc.ts';
import { ClusterEvents } from '../cluster/cluster-events.tsx';
import { NodeMenu } from '../cluster/node-menu.tsx';
import { nodeTone, nodeWords } from '../cluster/words.ts';
import { chartGroups } from '../figures/charts.ts';
import { FigureGroup } from '../figures/figure-group.tsx';
import { rangeNames, ranges } from '../figures/ranges.ts';
import { LogLines } from '../logs/log-lines.tsx';
import type { Intent } from '../operations/intent.ts';
import { OperationDialog } from '../operations/operation-dialog.tsx';
import { useMay } from '../shell/me.ts';
import { RangePicker } from '../shell/range-picker.tsx';
import { NodeFacts } from './node-facts.tsx';

const complaintsEveryMs = 5000;
const complaintsShown = 10;

/** One node: what it is and does, what it complains of, what its machine has gone through. */
export function NodePage({ clusterId, name }: { clusterId: string; name: string }) {
  const may = useMay();
  const times = useTimes();
  const { told, ageMs, error, refetch } = useClusterNow(clusterId);
  const [intent, setIntent] = useState<Intent | null>(null);
  const [range, setRange] = useQueryState('range', parseAsStringLiteral(rangeNames).withDefault('1h'));
  if (!told && error) return <Failed {...problemOf(error)} onRetry={refetch} />;
  if (!told) return <Loading label="Loading the node" />;
  const { status } = told;
  const node = status.nodes.find((each) => each.name === name);
  if (!node)
    return (
      <>
        <h1 className="font-semibold text-xl">{name}</h1>
        <Empty title={`${name} is not in this cluster now`}>
          It may have been removed: see{' '}
          <Link className="text-accent underline" href={`/c/${clusterId}/operations`}>
            Operations
          </Link>
          .
        </Empty>
      </>
    );
  return (
    <>
      <div className="flex flex-wrap items-center justify-between gap-3">
        <h1 className="flex flex-wrap items-center gap-2 font-semibold text-xl">
          <Mark tone={nodeTone(node)} />
          {name}
          <Badge tone={nodeTone(node)}>{`${node.role} · ${nodeWords(node)}`}</Badge>
          {node.maintenance ? <Badge tone="warning">maintenance</Badge> : null}
          {node.notes.map((note) => (
            <Badge key={note} tone="muted">
              {note}
            </Badge>
          ))}
        </h1>
        <NodeMenu node={node} nodes={status.nodes} onChoose={setIntent} />
      </div>
      <Stale ageMs={ageMs}>
        {node.detail ? <p className="mb-2">{times.sentence(node.detail)}</p> : null}
        <NodeFacts node={node} isDecider={status.raft.leader === name} />
      </Stale>
      <div className="grid items-start gap-4 lg:grid-cols-[minmax(0,3fr)_minmax(0,2fr)]">
        {may.operate ? <Complaints clusterId={clusterId} node={name} /> : null}
        <ClusterEvents clusterId={clusterId} node={name} />
      </div>
      <div className="flex justify-end">
        <RangePicker names={rangeNames} range={range} onPick={(next) => void setRange(next)} />
      </div>
      {chartGroups.map((group) => (
        <FigureGroup key={group.title} {...{ clusterId, group, node: name }} spanMs={ranges[range]} />
      ))}
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

/** Its newest warnings and errors, of PostgreSQL and of QuantaDB. */
function Complaints({ clusterId, node }: { clusterId: string; node: string }) {
  const trpc = useTRPC();
  const input = { clusterId, node, atLeast: 'warning' as const, limit: complaintsShown };
  const logs = useQuery({ ...trpc.logs.read.queryOptions(input), refetchInterval: complaintsEveryMs });
  const problem = logs.data?.problems[0];
  return (
    <Panel
      title="Newest warnings and errors"
      isFlush
      actions={
        <Link className="text-[0.8125rem] text-accent" href={`/c/${clusterId}/logs?node=${node}`}>
          All logs
        </Link>
      }
    >
      {logs.isPending ? <Loading label="Asking for its logs" /> : null}
      {logs.error ? <Failed {...problemOf(logs.error)} onRetry={() => void logs.refetch()} /> : null}
      {problem ? (
        <p className="px-4 py-3 text-sm text-warning">It could not be asked: {problem.message}</p>
      ) : null}
      {logs.data?.entries.length === 0 && !problem ? <Empty title="It complains of nothing" /> : null}
      {logs.data && logs.data.entries.length > 0 ? <LogLines entries={logs.data.entries} /> : null}
    </Panel>
  );
}
