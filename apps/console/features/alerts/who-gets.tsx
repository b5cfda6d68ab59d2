'use client';

import { useQuery } from '@tanstack/react-query';
import { useTimes } from '../../lib/time.ts';
import { problemOf, useTRPC } from '../../lib/trpc.ts';
import { limitText } from './limits.ts';
import type { Channel } from './words.ts';

/** Before anything fires: whom it would reach, through what, and when. */
export function WhoGets({ rule, clusterId }: { rule: string; clusterId: string | null }) {
  const trpc = useTRPC();
  const times = useTimes();
  const input = { rule, ...(clusterId === null ? {} : { cluster: clusterId }) };
  const who = useQuery(trpc.alertChannels.whoGets.queryOptions(input));
  const channels = useQuery(trpc.alertChannels.list.queryOptions({}));
  const problem = who.error ?? channels.error;
  if (problem) return <p className="text-critical text-xs">{problemOf(problem).message}</p>;
  if (!who.data || !channels.data) return <p className="text-ink-faint text-xs">Asking who is told…</p>;
  const { isOn, severity, forSeconds, later, silencedUntil } = who.data;
  if (!isOn) return <p className="text-xs">The rule is off: nobody is told.</p>;
  const when = forSeconds > 0 ? `After ${limitText(forSeconds, 'seconds')}` : 'At once';
  const first = reached(who.data.channels, channels.data);
  return (
    <ul className="flex list-disc flex-col gap-0.5 pl-4 text-xs">
      {silencedUntil ? <li>Silenced: nobody is told before {times.moment(silencedUntil)}.</li> : null}
      <li>
        {when}, as {severity}: {first || 'nobody. No route sends it to a channel that is on.'}
      </li>
      {later.map((each) => (
        <li key={`${each.afterMinutes} ${each.channels.join()}`}>
          {each.afterMinutes} min later, if nobody has acknowledged it:{' '}
          {reached(each.channels, channels.data) || 'nobody'}
        </li>
      ))}
    </ul>
  );
}

/** "mail (dba@example.com), hook (https://chat.example.com)" */
function reached(names: readonly string[], channels: readonly Channel[]): string {
  return names
    .map((name) => {
      const to = channels.find((channel) => channel.name === name)?.shown.to;
      return to ? `${name} (${to})` : name;
    })
    .join(', ');
}
