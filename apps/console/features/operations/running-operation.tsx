'use client';

import { Panel } from '@quantadb/ui/primitives/panel';
import { useQuery } from '@tanstack/react-query';
import Link from 'next/link';
import { useTRPC } from '../../lib/trpc.ts';
import { wordsOfOperation } from './kinds.ts';
import { Steps } from './steps.tsx';

const refetchMs = 1000;

/** The operation that changes the cluster right now, if there is one. */
export function RunningOperation({ clusterId }: { clusterId: string }) {
  const trpc = useTRPC();
  const operations = useQuery({
    ...trpc.operations.list.queryOptions({ clusterId, limit: 1 }),
    refetchInterval: (query) => (query.state.data?.[0]?.state === 'running' ? refetchMs : false),
  });
  const [latest] = operations.data ?? [];
  if (latest?.state !== 'running') {
    return (
      <p className="text-ink-faint text-xs">
        <Link className="underline" href={`/c/${clusterId}/operations`}>
          All operations
        </Link>
      </p>
    );
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
