'use client';

import { Empty, Failed, Loading } from '@quantadb/ui/patterns/states';
import { Status } from '@quantadb/ui/patterns/status';
import { Button } from '@quantadb/ui/primitives/button';
import { Panel } from '@quantadb/ui/primitives/panel';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useTimes } from '../../lib/time.ts';
import { problemOf, useTRPC } from '../../lib/trpc.ts';
import type { Intent } from '../operations/intent.ts';
import { OperationDialog } from '../operations/operation-dialog.tsx';
import { useMay } from '../shell/me.ts';
import { BackupsTable } from './backups-table.tsx';
import { JobsTable } from './jobs-table.tsx';
import { factsOf, findingsOf, type Job, jobTitle, type Overview } from './prepare.ts';
import { RestorePlanner } from './restore-planner.tsx';

const refetchMs = 5000;
const refetchBusyMs = 1500;

/** Whether the cluster could be restored, to which moments, and when that was last proven. */
export function BackupsPage({ clusterId }: { clusterId: string }) {
  const trpc = useTRPC();
  const [intent, setIntent] = useState<Intent | null>(null);
  const overview = useQuery({
    ...trpc.backups.get.queryOptions({ clusterId }),
    refetchInterval: ({ state }) => (state.data?.job ? refetchBusyMs : refetchMs),
  });
  const { data } = overview;
  if (!data && overview.error)
    return <Failed {...problemOf(overview.error)} onRetry={() => void overview.refetch()} />;
  if (!data) return <Loading label="Loading the backups" />;
  return (
    <>
      <div className="flex flex-wrap items-center justify-between gap-2">
        <h1 className="font-semibold text-xl">Backups</h1>
        {data.config ? <Actions job={data.job} onChoose={setIntent} /> : null}
      </div>
      {data.config ? <Body clusterId={clusterId} overview={data} onChoose={setIntent} /> : <Unconfigured />}
      {intent ? (
        <OperationDialog clusterId={clusterId} intent={intent} onClose={() => setIntent(null)} />
      ) : null}
    </>
  );
}

function Unconfigured() {
  return (
    <Panel>
      <Empty title="This cluster has no backup repository">
        <p>
          Set one from a terminal; the passphrase comes from the environment, so that no history keeps it:
        </p>
        <code className="mt-2 block text-xs">
          QUANTADB_BACKUP_PASSPHRASE=… quantadb backup configure --path /backups --schedule "full 30 1 * * 0"
          "incr 30 1 * * 1-6"
        </code>
      </Empty>
    </Panel>
  );
}

function Actions({ job, onChoose }: { job: Job | null; onChoose(intent: Intent): void }) {
  const may = useMay();
  if (!may.operate) return null;
  if (job)
    return (
      <Button tone="danger" onClick={() => onChoose({ kind: 'cancel-backup' })}>
        Cancel
      </Button>
    );
  const start = (work: Extract<Intent, { kind: 'start-backup' }>['work']) => () =>
    onChoose({ kind: 'start-backup', work });
  return (
    <div className="flex flex-wrap gap-2">
      <Button tone="primary" onClick={start({ kind: 'backup', type: 'incr' })}>
        Back up now
      </Button>
      <Button onClick={start({ kind: 'backup', type: 'full' })}>Full backup</Button>
      <Button onClick={start({ kind: 'verify' })}>Verify</Button>
      <Button onClick={start({ kind: 'drill' })}>Restore drill</Button>
    </div>
  );
}

function Body({
  clusterId,
  overview,
  onChoose,
}: {
  clusterId: string;
  overview: Overview;
  onChoose(intent: Intent): void;
}) {
  const { repository, job } = overview;
  const findings = [...findingsOf(overview.lastVerification), ...findingsOf(overview.lastDrill)];
  return (
    <>
      <Facts overview={overview} />
      {job ? <RunningJob job={job} /> : null}
      {findings.length > 0 ? (
        <Panel title="Found damaged">
          <ul className="list-disc pl-5 text-[0.8125rem]">
            {findings.slice(0, 20).map((finding) => (
              <li key={finding}>{finding}</li>
            ))}
          </ul>
        </Panel>
      ) : null}
      {overview.look ? <OpenLook look={overview.look} onChoose={onChoose} /> : null}
      <RestorePlanner clusterId={clusterId} overview={overview} onChoose={onChoose} />
      <Panel title="Backups" isFlush>
        {repository && repository.backups.length > 0 ? (
          <BackupsTable repository={repository} onChoose={onChoose} />
        ) : (
          <Empty title={overview.problem ?? 'There are no backups yet'} />
        )}
      </Panel>
      <div className="grid items-start gap-4 lg:grid-cols-2">
        <NextRuns overview={overview} />
        <JobsTable jobs={overview.pastJobs} />
      </div>
    </>
  );
}

function Facts({ overview }: { overview: Overview }) {
  return (
    <dl className="grid gap-3 sm:grid-cols-2 lg:grid-cols-4">
      {factsOf(overview, Date.now()).map((fact) => (
        <div key={fact.title} className="rounded-lg border border-line bg-surface p-3">
          <dt className="text-ink-faint text-xs">{fact.title}</dt>
          <dd className="mt-1 text-[0.8125rem]">
            <Status tone={fact.tone}>{fact.text}</Status>
          </dd>
        </div>
      ))}
    </dl>
  );
}

function OpenLook({
  look,
  onChoose,
}: {
  look: NonNullable<Overview['look']>;
  onChoose(intent: Intent): void;
}) {
  const times = useTimes();
  const may = useMay();
  const asOf = look.recoveredToMs === null ? look.label : times.moment(look.recoveredToMs);
  return (
    <Panel
      title="Open for a look"
      actions={may.operate ? <Button onClick={() => onChoose({ kind: 'close-look' })}>Close</Button> : null}
    >
      <p className="text-[0.8125rem]">
        A copy as of {asOf} is open on {look.node} until {times.moment(look.untilMs)}. There, as root or
        postgres:
      </p>
      <code className="mt-1 block overflow-x-auto text-xs">
        psql -h {look.socketDir} -p {look.port} -U {look.user}
      </code>
    </Panel>
  );
}

function RunningJob({ job }: { job: Job }) {
  const title = jobTitle(job);
  return (
    <Panel title={`${title}${job.node ? ` on ${job.node}` : ''}`}>
      <p className="text-[0.8125rem] text-ink-soft" aria-live="polite">
        {job.state === 'waiting' ? `waits: ${job.detail || 'for a node'}` : job.detail}
        {job.percent === null ? '' : ` · ${job.percent.toFixed(1)} %`}
      </p>
      <progress className="mt-2 h-2 w-full" max={100} value={job.percent ?? undefined} aria-label={title} />
    </Panel>
  );
}

function NextRuns({ overview }: { overview: Overview }) {
  const times = useTimes();
  return (
    <Panel title="Schedules">
      {overview.nextRuns.length === 0 ? (
        <p className="text-ink-soft">Backups are made by hand only.</p>
      ) : null}
      <ul className="flex flex-col gap-3">
        {overview.nextRuns.map(({ scheduleId, what, atMs }) => {
          const schedule =
            overview.config?.schedules.find((each) => each.id === scheduleId) ?? overview.config?.drills;
          return (
            <li key={scheduleId}>
              <p className="font-medium text-[0.8125rem]">
                {what} · <code>{schedule?.cron}</code> {schedule?.timeZone}
              </p>
              <p className="text-ink-soft text-xs">
                Next: {atMs.map((each) => times.moment(each)).join(' · ')}
              </p>
            </li>
          );
        })}
      </ul>
    </Panel>
  );
}
