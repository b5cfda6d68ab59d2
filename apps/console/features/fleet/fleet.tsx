'use client';

import { bytesText, durationText } from '@quantadb/ui/charts/units';
import { Stale, staleAfterMs } from '@quantadb/ui/patterns/stale';
import { Failed, Loading } from '@quantadb/ui/patterns/states';
import { Badge, Mark } from '@quantadb/ui/patterns/status';
import { useQuery } from '@tanstack/react-query';
import Link from 'next/link';
import { askAgainMs, type HeardBriefly, useFleet, useLive, useNow } from '../../lib/live.tsx';
import { useTimes } from '../../lib/time.ts';
import { problemOf, useTRPC } from '../../lib/trpc.ts';
import { AlertCount } from '../alerts/alert-count.tsx';
import { byAttention, healthTones, healthWords } from '../cluster/words.ts';
import { FirstSteps } from './first-steps.tsx';
import { isHearing, withAsked } from './heard.ts';

const tickMs = 1000;

/** Every cluster, what needs attention first. */
export function Fleet() {
  const trpc = useTRPC();
  const live = useFleet();
  const { connection } = useLive();
  const nowMs = useNow(tickMs);
  // Before the live connection is up, or where it does not get through: what was asked for, as old as it says.
  const stored = useQuery({
    ...trpc.clusters.list.queryOptions({}),
    refetchInterval: connection === 'live' && isHearing(live, nowMs) ? false : askAgainMs,
  });
  const clusters = withAsked(live, stored.data ?? [], stored.dataUpdatedAt);
  const isSilent = ({ heardAtMs }: HeardBriefly) => nowMs - heardAtMs > staleAfterMs;
  // One of which nothing is heard may be in any state.
  const heard = [...clusters.values()].sort(
    (left, right) =>
      Number(isSilent(right)) - Number(isSilent(left)) || byAttention(left.status, right.status),
  );
  return (
    <>
      <h1 className="font-semibold text-xl">Clusters</h1>
      {stored.isPending && heard.length === 0 ? <Loading label="Loading clusters" /> : null}
      {stored.error && heard.length === 0 ? (
        <Failed {...problemOf(stored.error)} onRetry={() => void stored.refetch()} />
      ) : null}
      {stored.data?.length === 0 && heard.length === 0 ? <FirstSteps /> : null}
      <ul className="grid gap-4 md:grid-cols-2 xl:grid-cols-3">
        {heard.map((cluster) => (
          <li key={cluster.clusterId}>
            <ClusterCard cluster={cluster} ageMs={nowMs - cluster.heardAtMs} nowMs={nowMs} />
          </li>
        ))}
      </ul>
    </>
  );
}

/** When somebody has last seen that the backups can be restored. */
function provenWords(backups: HeardBriefly['status']['backups'], nowMs: number): string {
  if (!backups) return '–';
  if (!backups.isSetUp) return 'no backups';
  return backups.provenAtMs === null
    ? 'never'
    : `${durationText(Math.max(0, nowMs - backups.provenAtMs))} ago`;
}

function ClusterCard({ cluster, ageMs, nowMs }: { cluster: HeardBriefly; ageMs: number; nowMs: number }) {
  const times = useTimes();
  const { status } = cluster;
  const standbys = status.nodes.filter((node) => node.role === 'standby');
  const worst = standbys.reduce<(typeof standbys)[number] | null>(
    (last, node) => ((node.lagBytes ?? 0) >= (last?.lagBytes ?? -1) ? node : last),
    null,
  );
  const facts = [
    ['Primary', status.primary ?? 'none'],
    ['Nodes', `${status.nodes.length}`],
    ['Durability', status.durability],
    ['Verified backup', provenWords(status.backups, nowMs)],
    ['Worst lag', worst ? `${bytesText(worst.lagBytes)} · ${durationText(worst.lagMs)}` : '–'],
  ];
  return (
    <Link
      href={`/c/${cluster.clusterId}`}
      className="block rounded-lg border border-line bg-surface p-4 hover:border-line-strong"
    >
      <Stale ageMs={ageMs}>
        <div className="flex items-center justify-between gap-2">
          <h2 className="flex items-center gap-2 font-semibold">
            <Mark tone={healthTones[status.health]} />
            {status.name}
          </h2>
          <span className="flex flex-wrap items-center justify-end gap-1">
            <AlertCount clusterId={cluster.clusterId} />
            <Badge tone={healthTones[status.health]}>{healthWords[status.health]}</Badge>
          </span>
        </div>
        <p className="mt-2 text-ink-soft">{times.sentence(status.verdict)}</p>
        <dl className="mt-3 grid grid-cols-2 gap-x-4 gap-y-1 text-xs">
          {facts.map(([term, value]) => (
            <div key={term} className="flex justify-between gap-2">
              <dt className="text-ink-faint">{term}</dt>
              <dd className="tabular-nums">{value}</dd>
            </div>
          ))}
        </dl>
      </Stale>
    </Link>
  );
}
