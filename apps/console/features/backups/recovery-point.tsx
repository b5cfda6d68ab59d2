import { Gauge } from '@quantadb/ui/charts/gauge';
import { Status } from '@quantadb/ui/patterns/status';
import { Panel } from '@quantadb/ui/primitives/panel';
import { useNow } from '../../lib/live.tsx';
import { useTimes } from '../../lib/time.ts';
import { ageText, archivingOf, type Overview, recoveryPointOf } from './prepare.ts';

const tickMs = 1000;

/** What losing every host right now would cost, and whether WAL arrives. */
export function RecoveryPointPanel({ overview }: { overview: Overview }) {
  const nowMs = useNow(tickMs);
  const times = useTimes();
  const point = recoveryPointOf(overview, nowMs);
  const archiving = archivingOf(overview, nowMs);
  const newestMs = overview.repository?.newest?.atMs ?? null;
  return (
    <Panel title="Recovery point">
      <div className="flex flex-wrap items-center gap-x-6 gap-y-3">
        <Gauge
          label="Time since WAL last reached the repository"
          value={point.ageMs}
          max={point.limitMs * 4}
          limit={point.limitMs}
          tone={point.tone}
          text={point.ageMs === null ? '–' : ageText(point.ageMs)}
        />
        <div className="flex min-w-48 flex-1 flex-col gap-1 text-[0.8125rem]">
          <Status tone={point.tone}>{point.words}</Status>
          <Status tone={archiving.tone}>{`Archiving: ${archiving.text}`}</Status>
          <p className="text-ink-faint text-xs">
            {newestMs === null
              ? ''
              : `The newest commit that can be restored is of ${times.moment(newestMs)}. `}
            The mark stands at {ageText(point.limitMs)}: the archive timeout, and the time to copy.
          </p>
        </div>
      </div>
    </Panel>
  );
}
