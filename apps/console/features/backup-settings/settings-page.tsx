'use client';

import { Failed, Loading } from '@quantadb/ui/patterns/states';
import { Button } from '@quantadb/ui/primitives/button';
import { Panel } from '@quantadb/ui/primitives/panel';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useTimes } from '../../lib/time.ts';
import { TimeZones } from '../../lib/time-zones.tsx';
import { problemOf, useTRPC } from '../../lib/trpc.ts';
import type { Intent } from '../operations/intent.ts';
import { OperationDialog } from '../operations/operation-dialog.tsx';
import { RunningOperation } from '../operations/running-operation.tsx';
import { useMay } from '../shell/me.ts';
import { type Config, changeOf, type Draft, draftOf } from './draft.ts';
import { DrillsSection } from './drills-section.tsx';
import { EffortSection } from './effort-section.tsx';
import { FurtherSection } from './further-section.tsx';
import { heldByOther } from './holders.ts';
import { RepositorySection } from './repository-section.tsx';
import { RetentionSection } from './retention-section.tsx';
import { SchedulesSection } from './schedules-section.tsx';

/** Where backups go, when they are made, how long they stay and how they are proven. */
export function SettingsPage({ clusterId }: { clusterId: string }) {
  const trpc = useTRPC();
  const may = useMay();
  const overview = useQuery({ ...trpc.backups.get.queryOptions({ clusterId }), refetchInterval: 5000 });
  const { data } = overview;
  return (
    <>
      <h1 className="font-semibold text-xl">Backup settings</h1>
      {overview.error ? (
        <Failed {...problemOf(overview.error)} onRetry={() => void overview.refetch()} />
      ) : null}
      {!data && !overview.error ? <Loading label="Reading the settings" rows={6} /> : null}
      {data && !may.operate ? (
        <Panel>
          <p className="text-ink-soft">Operators change these settings; the backups page shows them.</p>
        </Panel>
      ) : null}
      {data && may.operate ? <Form clusterId={clusterId} config={data.config} /> : null}
      {data?.config && may.operate ? (
        <FurtherSection
          key={`further-${data.config.revision}`}
          clusterId={clusterId}
          config={data.config}
          repositories={data.repositories}
        />
      ) : null}
      <TimeZones />
    </>
  );
}

/** Settings that change meanwhile take nobody's typed words away; what was not touched follows them. */
function Form({ clusterId, config: newest }: { clusterId: string; config: Config | null }) {
  const { zone } = useTimes();
  const [config, setConfig] = useState(newest);
  const [isOwn, setIsOwn] = useState(false);
  const [initial, setInitial] = useState(() => draftOf(newest, zone));
  const [draft, setDraft] = useState<Draft>(initial);
  const [intent, setIntent] = useState<Intent | null>(null);
  const change = (changes: Partial<Draft>) => setDraft((last) => ({ ...last, ...changes }));
  const { problems, intent: wanted } = changeOf(draft, config);
  const isTouched = draft !== initial;
  const isBehind = newest?.revision !== config?.revision;
  const startOver = () => {
    const fresh = draftOf(newest, zone);
    setConfig(newest);
    setInitial(fresh);
    setDraft(fresh);
    setIsOwn(false);
  };
  if (isBehind && intent === null && (isOwn || !isTouched)) startOver();
  return (
    <>
      <RunningOperation clusterId={clusterId} />
      <RepositorySection
        clusterId={clusterId}
        draft={draft}
        config={config}
        held={heldByOther(config, 1)}
        onChange={change}
      />
      <SchedulesSection clusterId={clusterId} draft={draft} onChange={change} />
      <RetentionSection clusterId={clusterId} draft={draft} config={config} onChange={change} />
      <DrillsSection clusterId={clusterId} draft={draft} onChange={change} />
      <EffortSection draft={draft} onChange={change} />
      <div className="sticky bottom-0 z-10 flex flex-wrap items-center justify-end gap-3 border-line border-t bg-canvas py-3">
        {isTouched && problems.length > 0 ? (
          <ul role="alert" className="mr-auto text-critical text-xs">
            {problems.map((problem) => (
              <li key={problem}>{problem}</li>
            ))}
          </ul>
        ) : null}
        {isBehind ? (
          <p role="status" className="mr-auto max-w-prose text-warning text-xs">
            The settings were changed meanwhile, in another place or by somebody else. What you have typed
            stands on those of before: the plan says what it would change, or start over from the new ones.
          </p>
        ) : null}
        {isTouched ? <Button onClick={startOver}>Start over</Button> : null}
        <Button
          tone="primary"
          disabled={wanted === null || (config !== null && !isTouched)}
          onClick={() => setIntent(wanted)}
        >
          {config ? 'Review the change…' : 'Review the set-up…'}
        </Button>
      </div>
      {intent ? (
        <OperationDialog
          clusterId={clusterId}
          intent={intent}
          onStarted={() => setIsOwn(true)}
          onClose={() => setIntent(null)}
        />
      ) : null}
    </>
  );
}
