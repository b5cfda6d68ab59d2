import type { NodeStatus } from '@quantadb/api/client-types';
import { bytesText, durationText } from '@quantadb/ui/charts/units';

/** What is known of a node beside its state; what is not known, or means nothing for it, is left out. */
export function NodeFacts({ node, isDecider }: { node: NodeStatus; isDecider: boolean }) {
  const facts = factsOf(node, isDecider).filter(([, value]) => value !== null && value !== '');
  return (
    <dl className="grid gap-x-6 gap-y-2 rounded-lg border border-line bg-surface p-4 sm:grid-cols-2 lg:grid-cols-4">
      {facts.map(([term, value]) => (
        <div key={term} className="min-w-0">
          <dt className="text-ink-faint text-xs">{term}</dt>
          <dd className="break-words text-[0.8125rem] tabular-nums">{value}</dd>
        </div>
      ))}
    </dl>
  );
}

function factsOf(node: NodeStatus, isDecider: boolean): [string, string | null][] {
  const { policy, pids } = node;
  const isStandby = node.role === 'standby';
  return [
    ['PostgreSQL at', node.postgres],
    ['Daemon at', node.api],
    ['PostgreSQL', node.postgresVersion],
    ['QuantaDB', node.daemonVersion],
    ['Data directory', node.dataDir ?? null],
    ['Zone', node.zone],
    ['Timeline', node.timeline === null ? null : String(node.timeline)],
    ['WAL position', node.lsn],
    ['Streams from', isStandby ? (node.streamsFrom ?? 'nobody') : null],
    [
      'Acknowledges',
      isStandby ? { quorum: 'commits wait for it', async: 'nobody waits', none: '' }[node.sync] : null,
    ],
    ['Lag', isStandby ? `${bytesText(node.lagBytes)} · ${durationText(node.lagMs)}` : null],
    ['Raft', isDecider ? `${node.raft}, decides` : node.raft],
    ['Priority', node.kind === 'data' && policy.priority !== 50 ? String(policy.priority) : null],
    ['Waits for a restart', node.pendingRestart.join(', ')],
    ['Processes', pids ? pidsText(pids) : null],
  ];
}

function pidsText({ daemon, reaper, postgres, routers }: NonNullable<NodeStatus['pids']>): string {
  const named = { daemon, reaper, PostgreSQL: postgres };
  const known = Object.entries(named).flatMap(([name, pid]) => (pid === null ? [] : [`${name} ${pid}`]));
  return [...known, ...routers.map((pid) => `router ${pid}`)].join(', ');
}
