'use client';

import { Stale } from '@quantadb/ui/patterns/stale';
import { Empty, Failed, Loading } from '@quantadb/ui/patterns/states';
import { Status } from '@quantadb/ui/patterns/status';
import { Button } from '@quantadb/ui/primitives/button';
import { Panel } from '@quantadb/ui/primitives/panel';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useCluster, useNow } from '../../lib/live.tsx';
import { problemOf, useTRPC } from '../../lib/trpc.ts';
import type { Intent } from '../operations/intent.ts';
import { OperationDialog } from '../operations/operation-dialog.tsx';
import { RunningOperation } from '../operations/running-operation.tsx';
import { useMay } from '../shell/me.ts';
import { Access } from './access.tsx';
import { Drafts } from './drafts.tsx';
import { EditParameter } from './edit-parameter.tsx';
import { OwnDurabilities } from './own-durabilities.tsx';
import { type Changes, type Overview, pendingNodes, type Setting } from './prepare.ts';
import { SettingsList } from './settings-list.tsx';

const refetchMs = 4000;

/** What is set for the whole cluster, what waits for a restart, and every setting as the servers have it. */
export function ParametersPage({ clusterId }: { clusterId: string }) {
  const trpc = useTRPC();
  const nowMs = useNow(1000);
  const { heard } = useCluster(clusterId);
  const [intent, setIntent] = useState<Intent | null>(null);
  const [edited, setEdited] = useState<Setting | null>(null);
  const [changes, setChanges] = useState<Changes>({});
  const overview = useQuery({
    ...trpc.clusters.settings.queryOptions({ clusterId }),
    refetchInterval: refetchMs,
  });
  const { data } = overview;
  const retry = () => void overview.refetch();
  const problem = overview.error ? <Failed {...problemOf(overview.error)} onRetry={retry} /> : null;
  const change = (name: string, value: string | null) => setChanges((last) => ({ ...last, [name]: value }));
  return (
    <>
      <h1 className="font-semibold text-xl">Parameters</h1>
      {problem}
      {!data && !problem ? <Loading label="Asking every node for its settings" /> : null}
      {data ? (
        <Stale ageMs={Math.max(0, nowMs - overview.dataUpdatedAt)} className="flex flex-col gap-4">
          <div className="flex flex-col gap-4">
            <RunningOperation clusterId={clusterId} />
            <Nodes overview={data} onChoose={setIntent} />
            <Drafts
              overview={data}
              changes={changes}
              onDrop={(name) => setChanges(({ [name]: _dropped, ...rest }) => rest)}
              onReview={() => setIntent({ kind: 'set-parameters', parameters: changes })}
            />
            <Agreed overview={data} onReset={(name) => change(name, null)} />
            <OwnDurabilities
              {...{ durability: heard?.status.durability ?? 'not known', own: data.ownDurabilities }}
              onChoose={(change) => setIntent({ kind: 'set-own-durability', change })}
            />
            <Access
              {...{ lines: data.access, isHidden: data.isAccessHidden }}
              onChoose={(change) => setIntent({ kind: 'set-access', change })}
            />
            <SettingsList overview={data} changes={changes} onEdit={setEdited} />
          </div>
        </Stale>
      ) : null}
      {edited && data ? (
        <EditParameter
          setting={edited}
          overview={data}
          draft={changes[edited.name]}
          onClose={() => setEdited(null)}
          onChange={(value) => {
            change(edited.name, value);
            setEdited(null);
          }}
        />
      ) : null}
      {intent ? (
        <OperationDialog
          clusterId={clusterId}
          intent={intent}
          onStarted={() => {
            if (intent.kind === 'set-parameters') setChanges({});
          }}
          onClose={() => setIntent(null)}
        />
      ) : null}
    </>
  );
}

function Nodes({ overview, onChoose }: { overview: Overview; onChoose(intent: Intent): void }) {
  const may = useMay();
  const isPending = pendingNodes(overview).length > 0;
  const restart = (
    <Button tone="danger" onClick={() => onChoose({ kind: 'rolling-restart' })}>
      Restart every node…
    </Button>
  );
  return (
    <Panel title="Pending restarts" actions={isPending && may.operate ? restart : null}>
      <ul className="flex flex-col gap-1 text-[0.8125rem]" aria-live="polite">
        {overview.nodes.map(({ name, pendingRestart, problem }) => (
          <li key={name} className="flex flex-wrap gap-x-3">
            <span className="min-w-24 font-medium">{name}</span>
            {pendingRestart === null ? (
              <Status tone="critical">{`not known: ${problem ?? 'it does not answer'}`}</Status>
            ) : pendingRestart.length > 0 ? (
              <Status tone="warning">{`a restart is pending for ${pendingRestart.join(', ')}`}</Status>
            ) : (
              <Status tone="good">nothing waits for a restart</Status>
            )}
          </li>
        ))}
      </ul>
    </Panel>
  );
}

function Agreed({ overview, onReset }: { overview: Overview; onReset(name: string): void }) {
  const may = useMay();
  const entries = Object.entries(overview.agreed).sort(([a], [b]) => a.localeCompare(b));
  return (
    <Panel title="Set for the whole cluster">
      {entries.length === 0 ? <Empty title="Nothing is set for the whole cluster" /> : null}
      <ul className="flex flex-col gap-1 text-[0.8125rem]">
        {entries.map(([name, value]) => (
          <li key={name} className="flex flex-wrap items-center justify-between gap-2">
            <code className="min-w-0 break-all">
              {name} = {value}
            </code>
            {may.operate ? (
              <Button tone="quiet" aria-label={`Back to the default: ${name}`} onClick={() => onReset(name)}>
                Back to the default
              </Button>
            ) : null}
          </li>
        ))}
      </ul>
    </Panel>
  );
}
