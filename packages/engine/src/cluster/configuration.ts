import { createHash } from 'node:crypto';
import type { ClusterState } from '../contract/cluster-state.ts';

/** Names one configuration of the cluster: every node says by it which one its PostgreSQL was last told. */
export function configurationMark({ parameters, hba }: Pick<ClusterState, 'parameters' | 'hba'>): string {
  const sorted = Object.entries(parameters).sort(([left], [right]) => (left < right ? -1 : 1));
  return createHash('sha256').update(JSON.stringify({ sorted, hba })).digest('hex').slice(0, 16);
}
