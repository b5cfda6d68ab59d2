import type { NodeReport } from '../contract/node-report.ts';
import { lsnDistanceBytes } from '../postgres/lsn.ts';

type Lag = Pick<NodeReport['standbys'][number], 'lagBytes' | 'lagMs'>;

/**
 * How far a standby is behind the primary (pure). Of one that streams from another standby the primary knows nothing: its
 * bytes are counted from what it says itself, its time is that of its upstream and its own behind that together.
 */
export function standbyLag(
  name: string,
  { primary, reports }: { primary: string | null; reports: ReadonlyMap<string, NodeReport> },
): Lag {
  const head = reports.get(primary ?? '');
  const seenBy = (feeder: NodeReport | undefined, standby: string) =>
    feeder?.standbys.find((each) => each.name === standby);
  const direct = seenBy(head, name);
  const own = reports.get(name);
  const feeder = own?.streamsFrom ?? null;
  if (feeder === null || feeder === primary)
    return { lagBytes: direct?.lagBytes ?? null, lagMs: direct?.lagMs ?? null };
  const upstreams = seenBy(head, feeder)?.lagMs ?? null;
  const behindIt = seenBy(reports.get(feeder), name)?.lagMs ?? null;
  return {
    lagBytes: head?.lsn && own?.replayLsn ? Math.max(0, lsnDistanceBytes(head.lsn, own.replayLsn)) : null,
    lagMs: upstreams === null || behindIt === null ? null : upstreams + behindIt,
  };
}
