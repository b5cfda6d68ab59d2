'use client';

import { Failed, Loading } from '@quantadb/ui/patterns/states';
import { Status } from '@quantadb/ui/patterns/status';
import { Button } from '@quantadb/ui/primitives/button';
import { Panel } from '@quantadb/ui/primitives/panel';
import { useQuery } from '@tanstack/react-query';
import Link from 'next/link';
import { useState } from 'react';
import { useTimes } from '../../lib/time.ts';
import { problemOf, useTRPC } from '../../lib/trpc.ts';
import { useMay } from '../shell/me.ts';
import { type Intent, type OperationView, titleOf } from './intent.ts';
import { wordsOfOperation } from './kinds.ts';
import { OperationDialog } from './operation-dialog.tsx';
import { operationTone, Steps } from './steps.tsx';

const refetchMs = 1000;
/** After them it is not one that has yet to arrive. */
const triesMax = 3;

export function OperationPage({ id }: { id: string }) {
  const trpc = useTRPC();
  const times = useTimes();
  const operation = useQuery({
    ...trpc.operations.get.queryOptions({ id }),
    refetchInterval: ({ state }) => {
      const isOver = state.data ? state.data.state !== 'running' : state.errorUpdateCount > triesMax;
      return isOver ? false : refetchMs;
    },
  });
  // A fresh operation reaches the control plane with the next report of its cluster.
  if (!operation.data && operation.error && operation.errorUpdateCount > triesMax)
    return <Failed {...problemOf(operation.error)} onRetry={() => void operation.refetch()} />;
  if (!operation.data) return <Loading label="Loading the operation" />;
  const { state, cluster, clusterId, requestedBy, reason, startedAt, endedAt, error } = operation.data;
  return (
    <>
      <div>
        <p className="text-ink-faint text-xs">
          <Link className="underline" href={`/c/${clusterId}`}>
            {cluster}
          </Link>{' '}
          ·{' '}
          <Link className="underline" href={`/c/${clusterId}/operations`}>
            operations
          </Link>
        </p>
        <h1 className="font-semibold text-xl">{wordsOfOperation(operation.data)}</h1>
        <p className="flex flex-wrap gap-x-3 text-ink-soft">
          <Status tone={operationTone(state)}>{state}</Status>
          <span>by {requestedBy}</span>
          <span>started {times.moment(startedAt)}</span>
          {endedAt ? <span>ended {times.moment(endedAt)}</span> : null}
        </p>
        {reason ? <p className="mt-1">“{reason}”</p> : null}
      </div>
      {error ? <Failed message={times.sentence(error, endedAt ?? startedAt)} /> : null}
      <FollowUp operation={operation.data} />
      <Panel title="Steps">
        <Steps operation={operation.data} />
      </Panel>
    </>
  );
}

/** What can still be done about it: stop what runs, go on with what failed. The plan says whether it is possible. */
function FollowUp({ operation: { id, clusterId, state } }: { operation: OperationView }) {
  const [intent, setIntent] = useState<Intent | null>(null);
  const may = useMay(clusterId);
  const next = followUps[state];
  if (!next || !may.operate) return null;
  return (
    <div>
      <Button onClick={() => setIntent({ kind: next, operation: id })}>
        {titleOf({ kind: next, operation: id })}
      </Button>
      {intent ? (
        <OperationDialog clusterId={clusterId} intent={intent} onClose={() => setIntent(null)} />
      ) : null}
    </div>
  );
}

const followUps: Partial<Record<OperationView['state'], 'retry-operation' | 'cancel-operation'>> = {
  running: 'cancel-operation',
  failed: 'retry-operation',
};
