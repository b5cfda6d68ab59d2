import type { ClusterState } from '@quantadb/engine/contract/cluster-state';
import type { NodeReport } from '@quantadb/engine/contract/node-report';
import type { ClusterStatus } from '@quantadb/engine/contract/status';

/** What load balancers ask (pure): 200 sends traffic here, 503 does not. The paths are Patroni's. */

export interface HealthInput {
  report: NodeReport;
  /** What this node knows of its cluster's agreement; null in no cluster. */
  state: Pick<ClusterState, 'members' | 'syncSet'> | null;
}

/** A limit on a standby's lag, and the lag itself where it is known. */
export interface LagLimit {
  bytesMax: number;
  lagBytes: number | null;
}

const units: Record<string, number> = { '': 1, b: 1, kb: 1024, mb: 1024 ** 2, gb: 1024 ** 3 };

/** `10MB`, `512kB`, `4096`: bytes. Null when it is none. */
export function parseBytes(text: string): number | null {
  const match = /^(\d{1,15})\s*([kmg]?b)?$/i.exec(text.trim());
  if (!match) return null;
  return Number(match[1]) * (units[(match[2] ?? '').toLowerCase()] ?? 1);
}

const serving = new Set(['running', 'streaming', 'delayed', 'catching-up', 'read-only', 'routing']);

export const healthPaths = [
  '/health',
  '/primary',
  '/replica',
  '/read-only',
  '/sync',
  '/readiness',
  '/liveness',
] as const;
export type HealthPath = (typeof healthPaths)[number];

export function isHealthy(path: HealthPath, input: HealthInput, lag: LagLimit | null = null): boolean {
  const { report } = input;
  switch (path) {
    case '/liveness':
      return true;
    case '/health':
      return serving.has(report.state);
    case '/readiness':
      if (report.kind !== 'data') return report.raft !== null && report.raft.leader !== null;
      return report.state === 'running' || report.state === 'streaming';
    case '/primary':
      return report.role === 'primary' && report.state === 'running';
    case '/sync':
      return takesReads(input) && input.state?.syncSet.standbys.includes(report.name) === true;
    case '/replica':
      return takesReads(input) && (lag === null || isWithin(lag));
    case '/read-only':
      return report.role === 'primary'
        ? report.state === 'running'
        : takesReads(input) || readsOldData(input);
  }
}

/**
 * Without a quorum a standby still answers, from the moment at which it lost its primary. `/replica` promises a bounded
 * lag, so it refuses; who can live with old data asks `/read-only`.
 */
function readsOldData(input: HealthInput): boolean {
  return input.report.state === 'read-only' && !isSpared(input);
}

function takesReads(input: HealthInput): boolean {
  const { report } = input;
  return report.role === 'standby' && report.state === 'streaming' && !isSpared(input);
}

/** In maintenance, set to take no reads, or delayed on purpose. */
function isSpared({ report, state }: HealthInput): boolean {
  const member = state?.members[report.name];
  if (member === undefined) return false;
  const { noLoadBalance, applyDelayMs = 0 } = member.policy;
  return member.maintenance !== null || noLoadBalance || applyDelayMs > 0;
}

function isWithin({ bytesMax, lagBytes }: LagLimit): boolean {
  return lagBytes !== null && lagBytes <= bytesMax;
}

/** Patroni's `/cluster`, so that scripts written for it find what they know. */
export function clusterView(status: ClusterStatus | null): unknown {
  if (!status) return { members: [] };
  return {
    scope: status.name,
    members: status.nodes.map((node) => {
      const [host = null, port = null] = node.address?.split(':') ?? [];
      return {
        name: node.name,
        role: node.role === 'primary' ? 'leader' : node.sync === 'quorum' ? 'quorum_standby' : 'replica',
        state: node.state,
        api_url: node.api,
        host,
        port: port === null ? null : Number(port),
        timeline: node.timeline,
        lag: node.lagBytes,
      };
    }),
  };
}
