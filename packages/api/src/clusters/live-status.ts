import type { ClusterStatus, NodeStatus } from '@quantadb/engine/contract/status';

/** A cluster's last known status with its age's beginning, as browsers get it. */
export interface LiveStatus {
  clusterId: string;
  name: string;
  status: ClusterStatus;
  reportedAtMs: number;
  /** How old it was when it was sent, by the server's clock; missing: fresh. */
  ageMs?: number;
}

/** By the clock of the console: whoever is told has another one. */
export function ageMsOf({ reportedAtMs }: Pick<LiveStatus, 'reportedAtMs'>, nowMs = Date.now()): number {
  return Math.max(0, nowMs - reportedAtMs);
}

/** What is shown of a cluster among others: a small part of its status, under the same names. */
export interface BriefStatus extends Omit<LiveStatus, 'status'> {
  status: Pick<ClusterStatus, 'name' | 'health' | 'verdict' | 'primary' | 'durability' | 'backups'> & {
    nodes: Pick<NodeStatus, 'name' | 'role' | 'lagBytes' | 'lagMs'>[];
  };
}

/** A status that another release has stored may have no nodes. */
export function briefOf({ status, ...live }: LiveStatus): BriefStatus {
  const { name, health, verdict, primary, durability, backups = null, nodes = [] } = status;
  const told = nodes.map(({ name: node, role, lagBytes, lagMs }) => ({ name: node, role, lagBytes, lagMs }));
  return { ...live, status: { name, health, verdict, primary, durability, backups, nodes: told } };
}
