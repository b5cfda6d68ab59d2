import { bytesText, durationText } from '@quantadb/ui/charts/units';
import { Button } from '@quantadb/ui/primitives/button';
import { useTimes } from '../../lib/time.ts';
import type { Planning, Target } from '../backups/prepare.ts';

type Plan = Extract<Planning, { ok: true }>['plan'];

/** Why it cannot be, and the nearest that can. */
export function Refused({
  refusal,
  onAsk,
}: {
  refusal: Extract<Planning, { ok: false }>['refusal'];
  onAsk(target: Target): void;
}) {
  const times = useTimes();
  return (
    <div
      role="alert"
      className="rounded-md border border-critical bg-critical-soft p-3 text-[0.8125rem] text-critical"
    >
      <p className="font-medium">{refusal.message}</p>
      {refusal.nearest.length > 0 ? <p className="mt-1">The nearest that can be restored:</p> : null}
      <div className="mt-2 flex flex-wrap gap-2">
        {refusal.nearest.map(({ words, target }) => (
          <Button key={words} onClick={() => onAsk(target)}>
            {target.kind === 'time' ? times.moment(target.atMs) : words}
          </Button>
        ))}
      </div>
    </div>
  );
}

/** What the restore would do and what it would lose, before anything is done. */
export function PlanFacts({ plan }: { plan: Plan }) {
  const times = useTimes();
  const facts: [string, string][] = [
    ['Begins with', `backup ${plan.label}, ${bytesText(plan.databaseBytes)}`],
    ['Replays', `at most ${plan.walSegmentsMax} segments of WAL, along timeline ${plan.timeline}`],
    ['Ends at', endText(plan, times.moment)],
    [
      'Takes',
      plan.expectedMs === null
        ? 'unknown until a restore drill has measured it'
        : `about ${durationText(plan.expectedMs)}, by the last drill`,
    ],
    ['Not in it', plan.lost],
  ];
  return (
    <div aria-live="polite">
      <dl className="grid gap-x-4 gap-y-1 text-[0.8125rem] sm:grid-cols-[7rem_1fr]">
        {facts.map(([title, text]) => (
          <div key={title} className="contents">
            <dt className="text-ink-faint">{title}</dt>
            <dd className={title === 'Not in it' ? 'font-medium' : 'break-words'}>{text}</dd>
          </div>
        ))}
      </dl>
      {plan.warnings.length > 0 ? (
        <ul className="mt-2 rounded-md border border-warning bg-warning-soft p-3 text-[0.8125rem] text-warning">
          {plan.warnings.map((warning) => (
            <li key={warning}>{warning}</li>
          ))}
        </ul>
      ) : null}
    </div>
  );
}

function endText({ recovery, endMs, label }: Plan, moment: (atMs: number) => string): string {
  const when = endMs === null ? '' : `, ${moment(endMs)}`;
  switch (recovery.kind) {
    case 'latest':
      return endMs === null ? 'the end of the archived WAL' : `the newest commit${when}`;
    case 'time':
      return `${moment(recovery.atMs)}${recovery.inclusive ? '' : ', without what was committed just then'}`;
    case 'name':
      return `the point "${recovery.name}"${when}`;
    case 'xid':
      return `${recovery.inclusive ? 'the end of' : 'just before the end of'} transaction ${recovery.xid}${when}`;
    case 'lsn':
      return `${recovery.inclusive ? '' : 'just before '}${recovery.lsn}`;
    case 'backup':
      return `the end of ${label}${when}`;
  }
}
