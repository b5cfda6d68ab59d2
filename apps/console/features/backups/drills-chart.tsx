import { StackedBars } from '@quantadb/ui/charts/stacked-bars';
import { durationText } from '@quantadb/ui/charts/units';
import { Empty } from '@quantadb/ui/patterns/states';
import { Status } from '@quantadb/ui/patterns/status';
import { Panel } from '@quantadb/ui/primitives/panel';
import { useTimes } from '../../lib/time.ts';
import { findingsOf, type Overview } from './prepare.ts';

const drillsShown = 26;
const parts = ['restore', 'replay and open', 'checks'];

/** How long it takes to get the database back, as drills have measured it, and what they found. */
export function Drills({ overview }: { overview: Overview }) {
  const times = useTimes();
  const drills = overview.pastJobs
    .flatMap((job) => (job.result?.kind === 'drill' ? [{ job, drill: job.result.drill }] : []))
    .slice(-drillsShown);
  const last = drills.at(-1);
  return (
    <Panel title="Restore drills">
      {last === undefined ? (
        <Empty title="No restore was proven yet">
          <p>
            A drill restores the newest moment into a scratch server, checks it and measures how long it took.
          </p>
        </Empty>
      ) : (
        <>
          <StackedBars
            label="Time to recover"
            parts={parts}
            format={durationText}
            bars={drills.map(({ job, drill }) => ({
              name: times.moment(job.endedAtMs ?? job.startedAtMs).replace(/, /, ' '),
              restore: drill.restoreMs,
              'replay and open': drill.recoveryMs,
              checks: drill.checksMs,
            }))}
          />
          <ul className="mt-3 flex flex-col gap-1 text-[0.8125rem]">
            {last.drill.findings.map(({ what, ok, detail }) => (
              <li key={what}>
                <Status tone={ok ? 'good' : 'critical'}>{ok ? what : `${what}: ${detail}`}</Status>
              </li>
            ))}
          </ul>
          <p className="mt-1 text-ink-faint text-xs">
            The last one: {last.drill.label} on {last.job.node ?? 'a node'},{' '}
            {findingsOf(last.job).length === 0 ? 'everything held' : 'not everything held'}
            {last.drill.recoveredToMs === null ? '' : `, up to ${times.moment(last.drill.recoveredToMs)}`}.
          </p>
        </>
      )}
    </Panel>
  );
}
