import type { SyncSet, SyncSetting } from '../contract/cluster-state.ts';
import { compareLsn } from '../postgres/lsn.ts';

interface Standby {
  name: string;
  /** `sync_state` of pg_stat_replication: only `quorum` counts for a commit. */
  sync: string;
  flushLsn: string | null;
}

/**
 * How far the synchronous set has confirmed (pure): the n-th highest flushed position over S. Every commit at or below it
 * is in every future history of the cluster (docs/SPEC.md, I-ELECT-7). Null when too few of the set are connected, and
 * when no commit waits for anybody.
 */
export function confirmedLsn(
  standbys: readonly Standby[],
  set: Pick<SyncSet, 'standbys' | 'count'>,
): string | null {
  if (set.count === 0) return null;
  const flushed = standbys
    .filter((standby) => standby.sync === 'quorum' && set.standbys.includes(standby.name))
    .map((standby) => standby.flushLsn)
    .filter((lsn) => lsn !== null)
    .sort((left, right) => compareLsn(right, left));
  return flushed[set.count - 1] ?? null;
}

/** As many standbys as a commit waits for hold everything up to there, and so every commit that was acknowledged before. */
export function haveConfirmed(
  connected: readonly Pick<Standby, 'name' | 'flushLsn'>[],
  { standbys, count }: SyncSetting,
  lsn: string,
): boolean {
  const holds = (name: string) =>
    connected.some(
      (each) => each.name === name && each.flushLsn !== null && compareLsn(each.flushLsn, lsn) >= 0,
    );
  return standbys.filter(holds).length >= count;
}
