'use client';

import { durationText } from '@quantadb/ui/charts/units';
import { Empty, Failed, Loading } from '@quantadb/ui/patterns/states';
import { Badge } from '@quantadb/ui/patterns/status';
import { Timeline } from '@quantadb/ui/patterns/timeline';
import { Button } from '@quantadb/ui/primitives/button';
import { Panel } from '@quantadb/ui/primitives/panel';
import { useQuery } from '@tanstack/react-query';
import { Copy } from 'lucide-react';
import { copyText } from '../../lib/copy.ts';
import { useCluster } from '../../lib/live.tsx';
import { useTimes } from '../../lib/time.ts';
import { problemOf, useTRPC } from '../../lib/trpc.ts';
import { CandidatesTable } from './candidates.tsx';
import { Detection } from './detection.tsx';
import {
  type FailoverView,
  markdownOf,
  type Phase,
  phasesOf,
  shortWordsOf,
  summaryOf,
  withoutWritesWords,
  wordsOf,
} from './explain.ts';
import { failoverTone } from './tones.ts';

/** Why the primary changed: what was seen, who could take over, what was done, what it cost. */
export function FailoverPage({ clusterId, failoverId }: { clusterId: string; failoverId: string }) {
  const trpc = useTRPC();
  const { heard } = useCluster(clusterId);
  const times = useTimes();
  const stored = useQuery(trpc.failovers.get.queryOptions({ clusterId, failoverId }));
  if (stored.error) return <Failed {...problemOf(stored.error)} onRetry={() => void stored.refetch()} />;
  if (!stored.data) return <Loading label="Loading the failover" />;
  // One that is under way is told every second.
  const live = heard?.status.failover?.id === failoverId ? heard.status.failover : null;
  const failover = live ?? stored.data.failover;
  const said = (text: string) => times.sentence(text, failover.startedAtMs);
  return (
    <>
      <Head failover={failover} clusterName={heard?.status.name ?? 'cluster'} />
      <Facts failover={failover} />
      <Panel title="What was seen">
        <Detection failover={failover} />
      </Panel>
      <Panel title="Who could take over" isFlush>
        {failover.candidates.length === 0 ? (
          <Empty title="No vote was needed, or none has been judged yet" />
        ) : (
          <CandidatesTable failover={failover} />
        )}
      </Panel>
      <Panel title="What was done">
        <PhaseBar phases={phasesOf(failover)} />
        <Timeline
          label="Steps"
          items={phasesOf(failover).map((phase, index) => stepOf(failover, { phase, index }, said))}
        />
      </Panel>
    </>
  );
}

function Head({ failover, clusterName }: { failover: FailoverView; clusterName: string }) {
  return (
    <div className="flex flex-wrap items-center justify-between gap-3">
      <div>
        <h1 className="flex flex-wrap items-center gap-2 font-semibold text-xl">
          {failover.kind === 'switchover' ? 'Switchover' : 'Failover'} {failover.oldPrimary ?? 'nobody'} →{' '}
          {failover.candidate ?? 'not decided'}
          <Badge tone={failoverTone(failover.state)}>{shortWordsOf(failover.state)}</Badge>
        </h1>
        <p className="mt-1 text-base">{summaryOf(failover)}</p>
      </div>
      <Button
        icon={<Copy size={14} aria-hidden />}
        onClick={() => void copyText(markdownOf(clusterName, failover))}
      >
        Copy as Markdown
      </Button>
    </div>
  );
}

function Facts({ failover }: { failover: FailoverView }) {
  const times = useTimes();
  const { grant } = failover;
  const facts: [string, string][] = [
    ['Began', times.moment(failover.startedAtMs)],
    ['Until writes went through', withoutWritesWords(failover)],
    ['Epoch', `${failover.fromEpoch} → ${failover.epoch}`],
    ['Timeline', grant ? `${grant.parentTimeline} → ${grant.timeline}` : 'unchanged'],
    ['Commits wait for', grant ? waitWords(grant.syncSet) : '–'],
  ];
  if (failover.preferred) facts.push(['Asked for', failover.preferred]);
  if (failover.dataLoss) facts.push(['Data', times.sentence(failover.dataLoss.detail, failover.startedAtMs)]);
  return (
    <dl className="grid gap-x-6 gap-y-2 sm:grid-cols-2 lg:grid-cols-3">
      {facts.map(([term, value]) => (
        <div key={term}>
          <dt className="text-ink-faint text-xs">{term}</dt>
          <dd className="tabular-nums">{value}</dd>
        </div>
      ))}
    </dl>
  );
}

function waitWords({ count, standbys }: NonNullable<FailoverView['grant']>['syncSet']): string {
  return count === 0 ? 'nobody' : `${count} of ${standbys.join(', ')}`;
}

function stepOf(
  failover: FailoverView,
  { phase, index }: { phase: Phase; index: number },
  said: (text: string) => string,
) {
  const took =
    phase.tookMs === null ? ' · goes on' : phase.tookMs > 0 ? ` · ${durationText(phase.tookMs)}` : '';
  return {
    key: `${index} ${phase.state}`,
    tone: failoverTone(phase.tookMs === null ? phase.state : 'DONE'),
    title: wordsOf(phase.state),
    detail: said(phase.detail),
    aside: `+${durationText(Math.max(0, phase.startedAtMs - failover.startedAtMs))}${took}`,
  };
}

/** A word does not fit into less of the bar. */
const labelShareMin = 0.12;

/** Where the time went; read out by the list below it. */
function PhaseBar({ phases }: { phases: Phase[] }) {
  const timed = phases.filter((phase) => (phase.tookMs ?? 0) > 0);
  const wholeMs = timed.reduce((sum, { tookMs }) => sum + (tookMs ?? 0), 0);
  if (wholeMs === 0) return null;
  return (
    <div aria-hidden className="mb-4 flex h-7 w-full gap-px overflow-hidden rounded-md">
      {timed.map((phase, at) => (
        <div
          key={`${phase.state} ${phase.startedAtMs}`}
          title={`${wordsOf(phase.state)}: ${durationText(phase.tookMs)}`}
          className={`${at % 2 === 0 ? 'bg-accent-soft' : 'bg-muted-soft'} min-w-0 truncate px-1.5 py-1.5 text-ink-soft text-xs`}
          style={{ flexGrow: phase.tookMs ?? 0, flexBasis: 0 }}
        >
          {(phase.tookMs ?? 0) / wholeMs >= labelShareMin ? shortWordsOf(phase.state) : ''}
        </div>
      ))}
    </div>
  );
}
