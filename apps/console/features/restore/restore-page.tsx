'use client';

import { Stale } from '@quantadb/ui/patterns/stale';
import { Empty, Failed, Loading } from '@quantadb/ui/patterns/states';
import { Status } from '@quantadb/ui/patterns/status';
import { Panel } from '@quantadb/ui/primitives/panel';
import { useMutation, useQuery } from '@tanstack/react-query';
import Link from 'next/link';
import { useRouter } from 'next/navigation';
import { parseAsInteger, parseAsStringLiteral, useQueryState } from 'nuqs';
import { useState } from 'react';
import { useCluster, useNow } from '../../lib/live.tsx';
import { useTimes } from '../../lib/time.ts';
import { problemOf, useTRPC } from '../../lib/trpc.ts';
import { OpenLook } from '../backups/open-look.tsx';
import { useBackups } from '../backups/overview.ts';
import { type Overview, staleAfterMs, type Target } from '../backups/prepare.ts';
import { RunningJob } from '../backups/running-job.tsx';
import type { Intent } from '../operations/intent.ts';
import { OperationDialog } from '../operations/operation-dialog.tsx';
import { RunningOperation } from '../operations/running-operation.tsx';
import { useMay } from '../shell/me.ts';
import { PlanFacts, Refused } from './answer.tsx';
import { Destination, type Wanted } from './destination.tsx';
import { RestoreDialog } from './restore-dialog.tsx';
import { type Draft, draftAt, withTarget } from './target.ts';
import { TargetForm } from './target-form.tsx';
import { stretchAt, type TimeLine, timeLineOf } from './time-line.ts';
import { spanNames, TimeSlider } from './time-slider.tsx';

const historyStepMs = 60_000;

/** Back to a moment: choose it, see what that takes and loses, then look, found a cluster with it, or take this one back. */
export function RestorePage({ clusterId }: { clusterId: string }) {
  const { heard } = useCluster(clusterId);
  const router = useRouter();
  const [intent, setIntent] = useState<Intent | null>(null);
  const [wanted, setWanted] = useState<Wanted | null>(null);
  const { overview, problem, retry, ageMs } = useBackups(clusterId);
  return (
    <>
      <h1 className="font-semibold text-xl">Restore</h1>
      {problem ? <Failed {...problem} onRetry={retry} /> : null}
      {!overview && !problem ? <Loading label="Reading the repository" /> : null}
      {overview ? (
        <Stale ageMs={ageMs} afterMs={staleAfterMs}>
          <div className="flex flex-col gap-4">
            <RunningOperation clusterId={clusterId} />
            {overview.job ? <RunningJob job={overview.job} /> : null}
            {overview.look ? <OpenLook look={overview.look} onChoose={setIntent} /> : null}
            <Choice
              clusterId={clusterId}
              name={heard?.status.name ?? 'cluster'}
              overview={overview}
              onReview={setWanted}
              onChoose={setIntent}
            />
          </div>
        </Stale>
      ) : null}
      {wanted ? (
        <RestoreDialog clusterId={clusterId} wanted={wanted} onClose={() => setWanted(null)} />
      ) : null}
      {intent ? (
        <OperationDialog
          clusterId={clusterId}
          intent={intent}
          clusterName={heard?.status.name ?? ''}
          onStarted={(id) => {
            if (intent.kind === 'restore-in-place') router.push(`/operations/${id}`);
          }}
          onClose={() => setIntent(null)}
        />
      ) : null}
    </>
  );
}

interface ChoiceProps {
  clusterId: string;
  name: string;
  overview: Overview;
  onReview(wanted: Wanted): void;
  onChoose(intent: Intent): void;
}

function Choice(props: ChoiceProps) {
  const { clusterId, overview } = props;
  const trpc = useTRPC();
  const nowMs = useNow(historyStepMs);
  const fromMs = overview.repository?.intervals[0]?.fromMs ?? nowMs;
  const range = { from: new Date(Math.min(fromMs, nowMs)).toISOString(), to: new Date(nowMs).toISOString() };
  const events = useQuery({
    ...trpc.backups.history.queryOptions({ clusterId, ...range }),
    placeholderData: (last) => last,
  });
  const line = timeLineOf(overview, events.data ?? [], nowMs);
  if (line) return <Chooser {...props} line={line} hasEvents={!events.error} />;
  return (
    <Panel>
      <Empty title={overview.problem ?? 'There is nothing to restore from yet'}>
        <p>
          {overview.config ? 'The first backup begins the line of moments. ' : 'Backups are not set up yet. '}
          <Link className="text-accent underline" href={`/c/${clusterId}/backups`}>
            {overview.config ? 'Make one now' : 'Set them up'}
          </Link>
        </p>
      </Empty>
    </Panel>
  );
}

function Chooser({
  clusterId,
  name,
  overview,
  line,
  hasEvents,
  onReview,
  onChoose,
}: ChoiceProps & { line: TimeLine; hasEvents: boolean }) {
  const trpc = useTRPC();
  const may = useMay();
  const newestMs = line.stretches.findLast(({ kind }) => kind === 'restorable')?.toMs ?? line.toMs;
  const [at, setAt] = useQueryState('at', parseAsInteger);
  const [span, setSpan] = useQueryState('span', parseAsStringLiteral(spanNames).withDefault('all'));
  const [form, setForm] = useState<Draft>(() => draftAt(Math.max(line.fromMs, newestMs - 1000)));
  const draft = at === null ? form : { ...form, atMs: at };
  const plan = useMutation(trpc.backups.planRestore.mutationOptions());
  const change = (next: Draft) => {
    plan.reset();
    setForm(next);
    if (next.atMs !== draft.atMs) void setAt(next.atMs);
  };
  const ask = (target: Target) => {
    change(withTarget(draft, target));
    plan.mutate({ clusterId, target });
  };
  return (
    <>
      <Panel title="Which moment">
        <div className="flex flex-col gap-4">
          {draft.kind === 'time' ? (
            <>
              <Chosen line={line} atMs={draft.atMs} hasEvents={hasEvents} />
              <TimeSlider
                line={line}
                atMs={draft.atMs}
                span={span}
                onMove={(atMs) => change({ ...draft, atMs })}
                onSpan={(next) => void setSpan(next)}
              />
            </>
          ) : null}
          {may.operate ? (
            <TargetForm
              draft={draft}
              overview={overview}
              isBusy={plan.isPending}
              onChange={change}
              onAsk={ask}
            />
          ) : (
            <p className="text-ink-soft text-xs">Operators plan and start restores.</p>
          )}
        </div>
      </Panel>
      {plan.error ? <Failed {...problemOf(plan.error)} /> : null}
      {plan.data && !plan.data.ok ? <Refused refusal={plan.data.refusal} onAsk={ask} /> : null}
      {plan.data?.ok && plan.variables ? (
        <>
          <Panel title="What that takes">
            <PlanFacts plan={plan.data.plan} />
          </Panel>
          <Destination source={name} target={plan.variables.target} onReview={onReview} onChoose={onChoose} />
        </>
      ) : null}
    </>
  );
}

function Chosen({ line, atMs, hasEvents }: { line: TimeLine; atMs: number; hasEvents: boolean }) {
  const times = useTimes();
  const standing = stretchAt(line, atMs);
  return (
    <div className="flex flex-wrap items-baseline gap-x-4 gap-y-1" aria-live="polite">
      <strong className="text-lg tabular-nums">{times.moment(atMs)}</strong>
      <Status tone={standing?.kind === 'restorable' ? 'good' : 'critical'}>
        {standing?.words ?? 'Before the first backup that can be restored'}
      </Status>
      {hasEvents ? null : (
        <span className="text-warning text-xs">Failovers could not be read: none is marked.</span>
      )}
    </div>
  );
}
