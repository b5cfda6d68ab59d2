import { noBackups, type RestorePoint } from '../contract/backup.ts';
import type { ClusterState } from '../contract/cluster-state.ts';
import { judgeHistory } from '../postgres/timeline-history.ts';
import { planRecovery, type RecoveryPlanInput } from './recovery-plan.ts';

interface Known {
  state: Pick<ClusterState, 'backup' | 'reign' | 'timelines'>;
  /** Null while it cannot be read: nothing is said of its points then. */
  repository: RecoveryPlanInput['repository'] | null;
  nowMs: number;
}

/** Sizes are not asked for here: any will do. */
const segmentBytes = 16 * 1024 * 1024;

/**
 * The named points, each with whether a restore can lead there at all (pure): one that was set before the first backup that is
 * kept, or behind a gap, stays in the list, and must not be taken for a way back. A point whose WAL is still on its way is not lost.
 */
export function pointsOf({ state, repository, nowMs }: Known): (RestorePoint & { isLost: boolean })[] {
  const { points } = state.backup ?? noBackups;
  if (!repository) return points.map((point) => ({ ...point, isLost: false }));
  const line = { current: state.reign.timeline, timelines: state.timelines };
  return points.map((point) => {
    const planned = planRecovery({
      ...{ target: { kind: 'name', name: point.name }, repository, points: [point], nowMs, segmentBytes },
      ...{ commitMs: null, lastDrill: null },
      isGivenUp: (position) => judgeHistory(position, line).kind !== 'contained',
    });
    return { ...point, isLost: !planned.ok && planned.refusal.reason !== 'not_archived' };
  });
}
