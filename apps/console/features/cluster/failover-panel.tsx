'use client';

import type { ClusterStatus } from '@quantadb/api/client-types';
import { durationText } from '@quantadb/ui/charts/units';
import { Timeline, type TimelineItem } from '@quantadb/ui/patterns/timeline';
import { Panel } from '@quantadb/ui/primitives/panel';
import Link from 'next/link';
import { useTimes } from '../../lib/time.ts';
import { endedStates, wordsOf } from '../failovers/explain.ts';
import { failoverTone } from '../failovers/tones.ts';
import { NetworkMatrix } from './network.tsx';

type FailoverView = NonNullable<ClusterStatus['failover']>;

/** The failover under way, or the last one, from what made it begin to what may be lost. */
export function FailoverPanel({ clusterId, failover }: { clusterId: string; failover: FailoverView }) {
  const times = useTimes();
  const said = (text: string) => times.sentence(text, failover.startedAtMs);
  const isOver = endedStates.has(failover.state);
  const from = failover.oldPrimary ?? 'nobody';
  const to = failover.candidate ?? 'not decided';
  return (
    <Panel
      title={`${isOver ? 'Last' : 'Running'} ${failover.kind}: ${from} → ${to}`}
      actions={
        <>
          <span className="text-ink-faint text-xs">{times.moment(failover.startedAtMs)}</span>
          <Link
            className="text-[0.8125rem] text-accent"
            href={`/c/${clusterId}/failovers/${encodeURIComponent(failover.id)}`}
          >
            Explain
          </Link>
        </>
      }
    >
      <Timeline
        label={`Steps of the ${failover.kind}`}
        items={[
          ...detectionItems(failover),
          ...candidateItems(failover),
          ...stepItems(failover),
          ...endItems(failover),
        ].map((item) => withReadersClock(item, said))}
      />
    </Panel>
  );
}

/** Daemons write moments in UTC. */
function withReadersClock(item: TimelineItem, said: (text: string) => string): TimelineItem {
  const { title, detail } = item;
  return {
    ...item,
    ...(typeof title === 'string' ? { title: said(title) } : {}),
    ...(typeof detail === 'string' ? { detail: said(detail) } : {}),
  };
}

function detectionItems({ kind, detection, reason }: FailoverView): TimelineItem[] {
  const { network, witnesses } = detection;
  const said = witnesses?.map((witness) => `${witness.node}: ${witness.detail}`).join('; ');
  const items: TimelineItem[] = [
    {
      key: 'detection',
      tone: kind === 'failover' ? 'critical' : 'muted',
      title: reason,
      ...(said ? { detail: said } : {}),
    },
  ];
  if (network && network.kind !== 'connected') {
    const detail = <NetworkMatrix network={network} />;
    items.push({ key: 'network', tone: 'warning', title: network.verdict, detail });
  }
  return items;
}

function candidateItems({ candidates }: FailoverView): TimelineItem[] {
  return candidates.map(({ node, chosen, verdict, position }) => ({
    key: `candidate ${node}`,
    tone: chosen ? 'good' : 'muted',
    title: node,
    detail: verdict,
    ...(position ? { aside: `${position.lsn} on timeline ${position.timeline}` } : {}),
  }));
}

/** The first step repeats the reason, and the ages count from it. */
function stepItems({ steps, startedAtMs }: FailoverView): TimelineItem[] {
  return steps.slice(1).map((step, index) => ({
    key: `${index} ${step.state}`,
    tone: index === steps.length - 2 ? failoverTone(step.state) : 'good',
    title: wordsOf(step.state),
    detail: step.detail,
    aside: `+${durationText(Math.max(0, step.atMs - startedAtMs))}`,
  }));
}

function endItems({ dataLoss, blockedBy }: FailoverView): TimelineItem[] {
  const items: TimelineItem[] = [];
  if (blockedBy) items.push({ key: 'blocked', tone: 'critical', title: 'Waiting', detail: blockedBy });
  if (dataLoss) {
    const title = dataLoss.possible ? 'Data may be lost' : 'Nothing is lost';
    items.push({
      key: 'loss',
      tone: dataLoss.possible ? 'critical' : 'good',
      title,
      detail: dataLoss.detail,
    });
  }
  return items;
}
