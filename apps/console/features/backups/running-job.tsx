import { bytesText } from '@quantadb/ui/charts/units';
import { Panel } from '@quantadb/ui/primitives/panel';
import { useTimes } from '../../lib/time.ts';
import { type Job, jobTitle, totalBytesOf } from './prepare.ts';

/** What runs on the repository right now, and how far it is. */
export function RunningJob({ job }: { job: Job }) {
  const times = useTimes();
  const title = jobTitle(job);
  const total = totalBytesOf(job);
  const amounts = [
    job.percent === null ? null : `${job.percent.toFixed(1)} %`,
    job.bytesDone === null
      ? null
      : total === null
        ? bytesText(job.bytesDone)
        : `${bytesText(job.bytesDone)} of about ${bytesText(total)}`,
  ].filter((each) => each !== null);
  return (
    <Panel title={`${title}${job.node ? ` on ${job.node}` : ''}`}>
      <div className="flex flex-wrap justify-between gap-x-4 text-[0.8125rem]" aria-live="polite">
        <span className="text-ink-soft">
          {times.sentence(
            job.state === 'waiting' ? `waits: ${job.detail || 'for a node'}` : job.detail || 'begins',
          )}
          {job.attempt > 1 ? ` · attempt ${job.attempt}` : ''}
        </span>
        <span className="font-medium tabular-nums">{amounts.join(' · ')}</span>
      </div>
      <progress
        className="mt-2 h-2 w-full appearance-none overflow-hidden rounded bg-muted-soft [&::-moz-progress-bar]:bg-accent [&::-webkit-progress-bar]:bg-muted-soft [&::-webkit-progress-value]:bg-accent"
        max={100}
        value={job.percent ?? undefined}
        aria-label={title}
      />
      <p className="mt-1 text-ink-faint text-xs">
        Begun {times.moment(job.startedAtMs)} by {job.requestedBy}
        {job.work.kind === 'backup' && job.node
          ? job.fromStandby
            ? ', read from the standby'
            : ', read from the primary'
          : ''}
      </p>
    </Panel>
  );
}
