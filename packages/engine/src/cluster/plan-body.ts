import type { ClusterState } from '../contract/cluster-state.ts';
import type { NodeReport } from '../contract/node-report.ts';
import type { OperationPlan } from '../contract/operations.ts';
import type { InPlaceOutlook } from '../contract/restore.ts';
import type { Findings } from '../postgres/adopt/findings.ts';
import { isInSyncSet } from '../replication/sync-target.ts';
import type { Preflight } from './preflight.ts';
import type { SourceView } from './source-view.ts';

/** What every plan is made from and consists of (pure). */

export interface PlanInput {
  state: ClusterState | null;
  /** This host's name: where a cluster would be founded. */
  self: string;
  /** Wall clock. */
  nowMs: number;
  votersNow: ReadonlySet<number>;
  reports: ReadonlyMap<string, NodeReport>;
  /** Of the server that is to be adopted, or why nothing could be found out about it. */
  adoption?: Findings | { refusal: string };
  /** Of the host that is to hold data, or why nothing could be found out about it. */
  preflight?: Preflight | { refusal: string };
  /** Of the primary of a cluster that is to be restored in place, or why it does not say. */
  inPlace?: InPlaceOutlook | { refusal: string };
  /** Of the cluster that is, or is to be, followed; null: nobody there answers. */
  sourceView?: SourceView | null;
}

export type PlanBody = Pick<
  OperationPlan,
  'summary' | 'steps' | 'writePause' | 'quorumBefore' | 'quorumAfter' | 'warnings' | 'refusal'
>;

/** What a node's absence means for writes and for failovers, while it lasts. */
export function maintenanceWarnings(input: PlanInput, node: string): string[] {
  const { state } = input;
  if (!state || !isInSyncSet(state, node)) return [];
  const { standbys, count } = state.syncSet;
  const spared = standbys.filter((other) => other !== node && !state.members[other]?.maintenance);
  const needed =
    spared.length > count
      ? []
      : [
          `If ${node} stops, every write waits for ${spared.join(' and ') || 'it'}: nothing else is left to confirm it.`,
        ];
  const others = state.syncSet.electors.filter(
    (other) => other !== node && !state.members[other]?.maintenance,
  );
  const warning =
    others.length === 0
      ? 'No node can take over from the primary while this lasts: losing the primary stops writes.'
      : `Only ${others.join(', ')} can take over from the primary while this lasts.`;
  return [warning, ...needed];
}
