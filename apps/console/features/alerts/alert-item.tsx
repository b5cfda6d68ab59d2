'use client';

import { ageText } from '@quantadb/ui/patterns/stale';
import { Badge, Mark } from '@quantadb/ui/patterns/status';
import { Button } from '@quantadb/ui/primitives/button';
import { Words } from '@quantadb/ui/primitives/words';
import Link from 'next/link';
import { useNow } from '../../lib/live.tsx';
import { useTimes } from '../../lib/time.ts';
import { useMay } from '../shell/me.ts';
import { type FiringAlert, severityTones } from './words.ts';

const tickMs = 1000;

/** One alert: what is wrong, for how long, what to do about it, and who knows. */
export function AlertItem({
  alert,
  onAcknowledge,
  onSilence,
}: {
  alert: FiringAlert;
  onAcknowledge(alert: FiringAlert): void;
  onSilence(alert: FiringAlert): void;
}) {
  const may = useMay(alert.clusterId ?? undefined);
  const nowMs = useNow(tickMs);
  const times = useTimes();
  const { severity, state, title, sentence, subject, runbook, acknowledged, silencedBy } = alert;
  const isFiring = state === 'firing';
  const ageMs = nowMs - Date.parse(alert.firing ?? alert.since);
  return (
    <article
      aria-label={`${title}${subject ? `, ${subject}` : ''}`}
      className="flex flex-col gap-2 px-4 py-3"
    >
      <div className="flex flex-wrap items-center gap-2">
        <Mark tone={isFiring ? severityTones[severity] : 'muted'} />
        <h3 className="font-semibold">{title}</h3>
        <Badge tone={isFiring ? severityTones[severity] : 'muted'}>
          {isFiring ? severity : 'about to fire'}
        </Badge>
        {silencedBy ? <Badge tone="muted">silenced</Badge> : null}
        {acknowledged ? <Badge tone="good">acknowledged</Badge> : null}
        <span className="text-ink-faint text-xs tabular-nums">for {ageText(ageMs)}</span>
        {may.operate && isFiring ? (
          <span className="ml-auto flex gap-2">
            {acknowledged ? null : <Button onClick={() => onAcknowledge(alert)}>Acknowledge…</Button>}
            {silencedBy ? null : <Button onClick={() => onSilence(alert)}>Silence…</Button>}
          </span>
        ) : null}
      </div>
      <p>
        {times.sentence(sentence)}{' '}
        {alert.clusterId ? (
          <Link className="text-accent underline" href={`/c/${alert.clusterId}`}>
            {alert.cluster ?? 'Its cluster'}
          </Link>
        ) : null}
      </p>
      <Facts alert={alert} />
      {runbook ? (
        <details className="text-[0.8125rem] text-ink-soft">
          <summary className="cursor-pointer text-ink">What to do</summary>
          <p className="mt-1">
            <Words text={runbook.means} />
          </p>
          <ul className="mt-1 list-disc pl-5">
            {runbook.look.map((line) => (
              <li key={line}>
                <Words text={line} />
              </li>
            ))}
          </ul>
          <code className="mt-2 block overflow-x-auto rounded-md bg-muted-soft p-2 font-mono text-ink text-xs">
            {runbook.command}
          </code>
        </details>
      ) : null}
    </article>
  );
}

function Facts({ alert }: { alert: FiringAlert }) {
  const times = useTimes();
  const { acknowledged, channels, later } = alert;
  const next = later.map(({ at, afterMinutes, channels: names }) => {
    const when = at ? times.moment(at) : `${afterMinutes} min after them`;
    return ` · ${when}, if nobody acknowledges it: ${names.join(', ') || 'nobody'}`;
  });
  return (
    <p className="text-ink-faint text-xs">
      Since {times.moment(alert.since)} ·{' '}
      {channels.length > 0 ? `told to ${channels.join(', ')}` : 'nobody is told: no route takes it'}
      {alert.silencedBy && channels.length > 0 ? ' once the silence ends' : ''}
      {next}
      {acknowledged
        ? ` · acknowledged by ${acknowledged.by}, ${times.moment(acknowledged.at)}${acknowledged.note ? `: ${acknowledged.note}` : ''}`
        : ''}
    </p>
  );
}
