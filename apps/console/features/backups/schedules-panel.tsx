import { Loading } from '@quantadb/ui/patterns/states';
import { Panel } from '@quantadb/ui/primitives/panel';
import { useQuery } from '@tanstack/react-query';
import Link from 'next/link';
import { momentIn } from '../../lib/time.ts';
import { useTRPC } from '../../lib/trpc.ts';
import { useMay } from '../shell/me.ts';
import type { Overview } from './prepare.ts';

type Config = NonNullable<Overview['config']>;
type Schedule = Config['schedules'][number];
const drillId = 'drills';

/** Backups and drills that come by themselves, in words, with their next runs by the clocks they were set by. */
export function SchedulesPanel({ clusterId, config }: { clusterId: string; config: Config }) {
  const trpc = useTRPC();
  const may = useMay();
  const schedules = allOf(config);
  const preview = useQuery({
    ...trpc.backups.previewSchedules.queryOptions({ clusterId, schedules }),
    refetchInterval: 60_000,
  });
  return (
    <Panel
      title="Schedules"
      actions={
        may.operate ? (
          <Link className="text-[0.8125rem] text-accent" href={`/c/${clusterId}/backups/settings`}>
            Change
          </Link>
        ) : null
      }
    >
      {schedules.length === 0 ? <p className="text-ink-soft">Backups are made by hand only.</p> : null}
      {schedules.length > 0 && preview.isPending ? <Loading label="Loading the schedules" /> : null}
      <ul className="flex flex-col gap-3">
        {(preview.data ?? []).map(({ id, words, nextMs }) => {
          const schedule = schedules.find((each) => each.id === id);
          if (!schedule) return null;
          return (
            <li key={id}>
              <p className="font-medium text-[0.8125rem]">
                {id === drillId ? 'Restore drill' : `${titles[schedule.type]} backup`} {words}
                <span className="font-normal text-ink-soft"> · {schedule.timeZone}</span>
                {schedule.enabled ? '' : ' · switched off'}
              </p>
              {schedule.enabled ? <NextRuns atMs={nextMs} timeZone={schedule.timeZone} /> : null}
            </li>
          );
        })}
      </ul>
    </Panel>
  );
}

const titles: Record<Schedule['type'], string> = { full: 'Full', diff: 'Differential', incr: 'Incremental' };

export function NextRuns({ atMs, timeZone }: { atMs: number[]; timeZone: string }) {
  return (
    <p className="text-ink-soft text-xs">Next: {atMs.map((each) => momentIn(each, timeZone)).join(' · ')}</p>
  );
}

function allOf({ schedules, drills }: Config): Schedule[] {
  if (drills === null) return schedules;
  const { cron, timeZone } = drills;
  const drill = { id: drillId, type: 'incr' as const, cron, timeZone };
  return [...schedules, { ...drill, jitterMinutes: 0, window: null, enabled: true }];
}
