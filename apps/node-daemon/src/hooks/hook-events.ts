import type { ClusterState, Failover, Operation } from '@quantadb/engine/contract/cluster-state';
import type { NodeReport } from '@quantadb/engine/contract/node-report';

/** What happened between two looks that somebody may want to be told of (pure). */

export const hookKinds = ['role-change', 'failover-end', 'operation-end'] as const;
export type HookKind = (typeof hookKinds)[number];

export interface HookEvent {
  event: HookKind;
  cluster: string;
  /** Whose role changed; for what concerns the whole cluster, the node that tells of it. */
  node: string;
  epoch: number;
  primary: string | null;
  /** `role-change`: primary, standby, witness or none. */
  role?: NodeReport['role'];
  before?: NodeReport['role'];
  failover?: Pick<Failover, 'id' | 'kind' | 'reason' | 'oldPrimary' | 'candidate' | 'state' | 'dataLoss'>;
  operation?: Pick<Operation, 'id' | 'kind' | 'state' | 'error' | 'requestedBy' | 'reason'>;
}

/** One look of a daemon: its own role, and the state it has applied. */
export interface HookView {
  node: string;
  role: NodeReport['role'];
  /** Of all members exactly one decides, and tells what concerns the cluster. */
  isDecider: boolean;
  state: ClusterState | null;
}

export function eventsBetween(before: HookView, after: HookView): HookEvent[] {
  const { state, node, role } = after;
  const cluster = state ?? before.state;
  if (!cluster) return [];
  const base = {
    cluster: cluster.name,
    node,
    epoch: cluster.reign.epoch,
    primary: cluster.reign.primary,
  };
  const events: HookEvent[] = [];
  if (role !== before.role) events.push({ event: 'role-change', ...base, role, before: before.role });
  if (!after.isDecider || !state || !before.state) return events;
  const known = new Set([...before.state.pastFailovers, ...before.state.pastOperations].map(({ id }) => id));
  for (const failover of state.pastFailovers.filter(({ id }) => !known.has(id)))
    events.push({ event: 'failover-end', ...base, failover: told(failover) });
  for (const { id, kind, state: end, error, requestedBy, reason } of state.pastOperations) {
    if (known.has(id)) continue;
    const operation = { id, kind, state: end, error, requestedBy, reason };
    events.push({ event: 'operation-end', ...base, operation });
  }
  return events;
}

function told({ id, kind, reason, oldPrimary, candidate, state, dataLoss }: Failover): HookEvent['failover'] {
  return { id, kind, reason, oldPrimary, candidate, state, dataLoss };
}
