import type { ClusterStatus } from '@quantadb/api/client-types';
import { staleAfterMs } from '@quantadb/ui/patterns/stale';
import { heardAtMsOf, newerOf } from '../../lib/ages.ts';
import type { HeardBriefly } from '../../lib/live.tsx';

/** What the fleet's page shows of the live line and of what it asks for itself (pure). */

interface Asked {
  id: string;
  reportedAt: string;
  ageMs: number;
  status: ClusterStatus;
}

/** Clusters may be silent; the line is not, as long as it tells of one of them. */
export function isHearing(live: ReadonlyMap<string, HeardBriefly>, nowMs: number): boolean {
  return [...live.values()].some(({ heardAtMs }) => nowMs - heardAtMs <= staleAfterMs);
}

/** Of every cluster the newer one of what the line has told and what was answered. */
export function withAsked(
  live: ReadonlyMap<string, HeardBriefly>,
  asked: readonly Asked[],
  answeredAtMs: number,
): Map<string, HeardBriefly> {
  const all = new Map(live);
  for (const cluster of asked) {
    const newer = newerOf(live.get(cluster.id) ?? null, brief(cluster, answeredAtMs));
    if (newer) all.set(cluster.id, newer);
  }
  return all;
}

function brief({ id, reportedAt, ageMs, status }: Asked, answeredAtMs: number): HeardBriefly {
  const { name, backups = null } = status;
  const [reportedAtMs, heardAtMs] = [Date.parse(reportedAt), heardAtMsOf({ ageMs }, answeredAtMs)];
  return { clusterId: id, name, reportedAtMs, heardAtMs, status: { ...status, backups } };
}
