'use client';

import { Stale } from '@quantadb/ui/patterns/stale';
import { Empty, Failed, Loading } from '@quantadb/ui/patterns/states';
import { Status } from '@quantadb/ui/patterns/status';
import { Button } from '@quantadb/ui/primitives/button';
import { Menu } from '@quantadb/ui/primitives/menu';
import { Panel } from '@quantadb/ui/primitives/panel';
import { ChevronDown } from 'lucide-react';
import Link from 'next/link';
import { parseAsString, useQueryState } from 'nuqs';
import { useState } from 'react';
import { useNow } from '../../lib/live.tsx';
import { useTimes } from '../../lib/time.ts';
import type { Intent } from '../operations/intent.ts';
import { OperationDialog } from '../operations/operation-dialog.tsx';
import { RunningOperation } from '../operations/running-operation.tsx';
import { useMay } from '../shell/me.ts';
import { ArchivePanel } from './archive-panel.tsx';
import { BackupDetail } from './backup-detail.tsx';
import { BackupsTable } from './backups-table.tsx';
import { Calendar } from './calendar.tsx';
import { Drills } from './drills-chart.tsx';
import { JobsTable } from './jobs-table.tsx';
import { OpenLook } from './open-look.tsx';
import { useBackups } from './overview.ts';
import { factsOf, findingsOf, type Job, type Overview, staleAfterMs, stillRestorable } from './prepare.ts';
import { RecoveryPointPanel } from './recovery-point.tsx';
import { RepositoriesPanel } from './repositories-panel.tsx';
import { RunningJob } from './running-job.tsx';
import { SchedulesPanel } from './schedules-panel.tsx';

const factsTickMs = 5000;

/** Whether the cluster could be restored, to which moments, and when that was last proven. */
export function BackupsPage({ clusterId }: { clusterId: string }) {
  const [intent, setIntent] = useState<Intent | null>(null);
  const [opened, setOpened] = useQueryState('backup', parseAsString);
  const { overview, problem, retry, ageMs } = useBackups(clusterId);
  const open = overview?.repository?.backups.find(({ label }) => label === opened);
  return (
    <>
      <div className="flex flex-wrap items-center justify-between gap-2">
        <h1 className="font-semibold text-xl">Backups</h1>
        {overview?.config ? <Actions clusterId={clusterId} job={overview.job} onChoose={setIntent} /> : null}
      </div>
      {problem ? <Failed {...problem} onRetry={retry} /> : null}
      {!overview && !problem ? <Loading label="Reading the repository" rows={6} /> : null}
      {overview ? (
        <Stale ageMs={ageMs} afterMs={staleAfterMs}>
          <div className="flex flex-col gap-4">
            <RunningOperation clusterId={clusterId} />
            {overview.config ? (
              <Body
                clusterId={clusterId}
                overview={overview}
                onOpen={(label) => void setOpened(label)}
                onChoose={setIntent}
              />
            ) : (
              <Unconfigured clusterId={clusterId} />
            )}
          </div>
        </Stale>
      ) : null}
      {overview && open && !intent ? (
        <BackupDetail
          overview={overview}
          backup={open}
          onOpen={(label) => void setOpened(label)}
          onChoose={setIntent}
          onClose={() => void setOpened(null)}
        />
      ) : null}
      {intent ? (
        <OperationDialog clusterId={clusterId} intent={intent} onClose={() => setIntent(null)} />
      ) : null}
    </>
  );
}

function Unconfigured({ clusterId }: { clusterId: string }) {
  const may = useMay();
  return (
    <Panel>
      <Empty title="This cluster has no backup repository">
        {may.operate ? (
          <p>
            <Link
              className="inline-flex min-h-8 items-center rounded-md border border-accent bg-accent px-3 py-1 font-medium text-[0.8125rem] text-accent-ink"
              href={`/c/${clusterId}/backups/settings`}
            >
              Set up backups
            </Link>
          </p>
        ) : null}
        <p className="mt-3">
          From a terminal; the passphrase comes from the environment, so that no history keeps it:
        </p>
        <code className="mt-1 block text-xs">
          QUANTADB_BACKUP_PASSPHRASE=… quantadb backup configure --path /backups --schedule "full 30 1 * * 0"
        </code>
      </Empty>
    </Panel>
  );
}

const backupTypes = [
  { type: 'full', words: 'Full backup…' },
  { type: 'diff', words: 'Differential backup…' },
  { type: 'incr', words: 'Incremental backup…' },
] as const;

function Actions({
  clusterId,
  job,
  onChoose,
}: {
  clusterId: string;
  job: Job | null;
  onChoose(intent: Intent): void;
}) {
  const may = useMay();
  const start = (work: Extract<Intent, { kind: 'start-backup' }>['work']) => () =>
    onChoose({ kind: 'start-backup', work });
  return (
    <div className="flex flex-wrap items-center gap-2">
      {may.operate && job ? (
        <Button tone="danger" onClick={() => onChoose({ kind: 'cancel-backup' })}>
          Cancel…
        </Button>
      ) : null}
      {may.operate && !job ? (
        <>
          <Menu
            trigger={
              <Button tone="primary">
                Back up now
                <ChevronDown size={14} aria-hidden />
              </Button>
            }
            items={backupTypes.map(({ type, words }) => {
              return { label: words, onSelect: start({ kind: 'backup', type }) };
            })}
          />
          <Button onClick={start({ kind: 'verify' })}>Verify…</Button>
          <Button onClick={start({ kind: 'drill' })}>Restore drill…</Button>
        </>
      ) : null}
      <PageLink href={`/c/${clusterId}/restore`}>Restore…</PageLink>
      {may.operate ? <PageLink href={`/c/${clusterId}/backups/settings`}>Settings</PageLink> : null}
    </div>
  );
}

function PageLink({ href, children }: { href: string; children: string }) {
  return (
    <Link
      href={href}
      className="inline-flex min-h-8 items-center rounded-md border border-line-strong bg-surface px-3 py-1 font-medium text-[0.8125rem] hover:bg-muted-soft"
    >
      {children}
    </Link>
  );
}

interface BodyProps {
  clusterId: string;
  overview: Overview;
  onOpen(label: string): void;
  onChoose(intent: Intent): void;
}

function Body({ clusterId, overview, onOpen, onChoose }: BodyProps) {
  const { repository, job, config } = overview;
  const findings = [...findingsOf(overview.lastVerification), ...findingsOf(overview.lastDrill)];
  return (
    <>
      {job ? <RunningJob job={job} /> : null}
      {overview.look ? <OpenLook look={overview.look} onChoose={onChoose} /> : null}
      {findings.length > 0 ? (
        <FoundDamaged overview={overview} findings={findings} onChoose={onChoose} />
      ) : null}
      <div className="grid items-stretch gap-4 lg:grid-cols-2">
        <RecoveryPointPanel overview={overview} />
        <Facts overview={overview} />
      </div>
      <RepositoriesPanel overview={overview} />
      <Panel title="Stored backups" isFlush>
        {repository && repository.backups.length > 0 ? (
          <BackupsTable overview={overview} repository={repository} onOpen={onOpen} />
        ) : (
          <Empty title={overview.problem ?? 'There are no backups yet'} />
        )}
      </Panel>
      <div className="grid items-start gap-4 lg:grid-cols-2">
        <Calendar clusterId={clusterId} overview={overview} onOpen={onOpen} />
        <div className="flex min-w-0 flex-col gap-4">
          <Drills overview={overview} />
          {config ? <SchedulesPanel clusterId={clusterId} config={config} /> : null}
        </div>
      </div>
      {repository ? <ArchivePanel repository={repository} /> : null}
      <JobsTable jobs={overview.pastJobs} />
    </>
  );
}

const findingsShown = 20;

/** What is damaged, what that leaves, and what to do about it. */
function FoundDamaged({
  overview,
  findings,
  onChoose,
}: {
  overview: Overview;
  findings: string[];
  onChoose(intent: Intent): void;
}) {
  const times = useTimes();
  const may = useMay();
  return (
    <Panel title={<Status tone="critical">Found damaged</Status>}>
      <ul className="list-disc break-words pl-5 text-[0.8125rem]">
        {findings.slice(0, findingsShown).map((finding) => (
          <li key={finding}>{finding}</li>
        ))}
        {findings.length > findingsShown ? <li>and {findings.length - findingsShown} more</li> : null}
      </ul>
      <h3 className="mt-3 font-medium text-[0.8125rem]">What can still be restored</h3>
      <ul className="list-disc break-words pl-5 text-[0.8125rem]">
        {stillRestorable(overview, times.moment).map((words) => (
          <li key={words}>{words}</li>
        ))}
      </ul>
      {overview.advice ? (
        <>
          <h3 className="mt-3 font-medium text-[0.8125rem]">What to do</h3>
          <p className="break-words text-[0.8125rem]">{overview.advice}</p>
        </>
      ) : null}
      {may.operate && !overview.job ? (
        <div className="mt-3 flex flex-wrap gap-2">
          <Button onClick={() => onChoose({ kind: 'start-backup', work: { kind: 'backup', type: 'full' } })}>
            Make a full backup…
          </Button>
          <Button onClick={() => onChoose({ kind: 'start-backup', work: { kind: 'verify' } })}>
            Verify again…
          </Button>
        </div>
      ) : null}
    </Panel>
  );
}

function Facts({ overview }: { overview: Overview }) {
  const nowMs = useNow(factsTickMs);
  return (
    <dl className="grid gap-3 sm:grid-cols-2">
      {factsOf(overview, nowMs).map((fact) => (
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
