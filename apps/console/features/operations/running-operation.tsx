'use client';

import { Panel } from '@quantadb/ui/primitives/panel';
import { useQuery } from '@tanstack/react-query';
import Link from 'next/link';
import { useTimes } from '../../lib/time.ts';
import { useTRPC } from '../../lib/trpc.ts';
import type { OperationView } from './intent.ts';
import { wordsOfOperation } from './kinds.ts';
import { Steps } from './steps.tsx';

const refetchMs = 1000;

/** The operation that changes the cluster right now; else how the last one ended. */
export function RunningOperation({ clusterId }: { clusterId: string }) {
  const trpc = useTRPC();
  const operations = useQuery({
    ...trpc.operations.list.queryOptions({ clusterId, limit: 1 }),
    refetchInterval: (query) => (query.state.data?.[0]?.state === 'running' ? refetchMs : false),
  });
  const [latest] = operations.data ?? [];
  if (latest?.state !== 'running') {
    return latest ? <LastOperation operation={latest} /> : null;
  }
  return (
    <Panel
      title={`${wordsOfOperation(latest)}: runs, started by ${latest.requestedBy}`}
      actions={
        <Link className="text-accent text-xs underline" href={`/operations/${latest.id}`}>
          Details
        </Link>
      }
    >
      <Steps operation={latest} />
    </Panel>
  );
}

function LastOperation({ operation }: { operation: OperationView }) {
  const times = useTimes();
  const { id, state, endedAt, startedAt } = operation;
  return (
    <p className="text-ink-soft text-xs">
      Last operation:{' '}
      <Link className="underline" href={`/operations/${id}`}>
        {wordsOfOperation(operation)}
      </Link>
      , {state} {times.moment(endedAt ?? startedAt)}
    </p>
  );
}
