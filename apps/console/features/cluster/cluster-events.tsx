'use client';

import { Empty, Failed, Loading } from '@quantadb/ui/patterns/states';
import { Timeline } from '@quantadb/ui/patterns/timeline';
import { Button } from '@quantadb/ui/primitives/button';
import { Panel } from '@quantadb/ui/primitives/panel';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useTimes } from '../../lib/time.ts';
import { problemOf, useTRPC } from '../../lib/trpc.ts';
import { wordsOfEvent } from '../operations/kinds.ts';
import { severityTone } from './words.ts';

const firstPage = 12;
const morePage = 100;

/** Of the whole cluster, or of one node. */
export function ClusterEvents({ clusterId, node }: { clusterId: string; node?: string }) {
  const trpc = useTRPC();
  const times = useTimes();
  const [limit, setLimit] = useState(firstPage);
  const events = useQuery(trpc.clusters.events.queryOptions({ clusterId, limit, ...(node ? { node } : {}) }));
  return (
    <Panel
      title="What happened"
      actions={
        limit === firstPage ? (
          <Button tone="quiet" onClick={() => setLimit(morePage)}>
            Show more
          </Button>
        ) : null
      }
    >
      {events.isPending ? <Loading label="Loading events" /> : null}
      {events.error ? <Failed {...problemOf(events.error)} onRetry={() => void events.refetch()} /> : null}
      {events.data?.length === 0 ? <Empty title="Nothing has happened yet" /> : null}
      {events.data && events.data.length > 0 ? (
        <Timeline
          label="Events, the newest first"
          items={events.data.map((event) => ({
            key: String(event.id),
            tone: severityTone(event.severity),
            title: times.sentence(wordsOfEvent(event.message), event.at),
            aside: times.moment(event.at),
          }))}
        />
      ) : null}
    </Panel>
  );
}
