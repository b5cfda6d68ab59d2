import { isBeingReplaced } from '../cluster/restoring.ts';
import { isOpen } from '../cluster/step-helpers.ts';
import { type ClusterState, usualWeight } from '../contract/cluster-state.ts';
import type { NodeStatus } from '../contract/status.ts';
import { isSocketByPassword } from '../postgres/access.ts';
import type { RouterTopology } from './topology.ts';

/** The steps of operations before which transactions should have ended. */
const stoppingSteps: Record<string, string> = {
  'Stop the primary cleanly': 'a switchover is under way',
  'Put the restored data in place': 'a restore is under way',
};

/** Whoever waits for news of a commit has not slept through more of them. */
const timelinesMax = 20;

export interface TopologyInput {
  state: ClusterState;
  /** As last observed, by name; what was never seen serves no reads. */
  nodes: ReadonlyMap<string, Pick<NodeStatus, 'role' | 'state' | 'lagBytes' | 'lagMs'>>;
  /** This host, and where its PostgreSQL's unix socket is. */
  self: string;
  socketDirectory: string | null;
}

/** What the routers of a cluster go by, from what the cluster has agreed on (pure). */
export function topologyOf({ state, nodes, self, socketDirectory }: TopologyInput): RouterTopology {
  const members = Object.values(state.members).filter(
    ({ kind, phase }) => kind === 'data' && phase !== 'leaving',
  );
  return {
    cluster: state.clusterId,
    epoch: state.reign.epoch,
    revision: state.revision,
    timeline: state.reign.timeline,
    primary: isOpen(state) ? state.reign.primary : null,
    follows: state.source?.name ?? null,
    drain: drainOf(state),
    hba: state.hba,
    timelines: state.timelines
      .slice(-timelinesMax)
      .map(({ id, parentId, forkLsn }) => ({ id, parentId, forkLsn })),
    nodes: members.flatMap(({ name, addresses, maintenance, policy, phase }) => {
      const { postgres } = addresses;
      if (!postgres) return [];
      const seen = nodes.get(name);
      const isStreaming = seen?.role === 'standby' && seen.state === 'streaming';
      return [
        {
          ...{ name, host: postgres.host, port: postgres.port, weight: policy.weight ?? usualWeight },
          socketDirectory: name === self && isSocketByPassword(state.hba) ? socketDirectory : null,
          isReadable:
            isStreaming &&
            !isBeingReplaced(state) &&
            phase === 'active' &&
            maintenance === null &&
            !policy.noLoadBalance &&
            (policy.applyDelayMs ?? 0) === 0,
          lagBytes: seen?.lagBytes ?? null,
          lagMs: seen?.lagMs ?? null,
        },
      ];
    }),
  };
}

function drainOf({ operation }: ClusterState): string | null {
  const step = operation?.steps.find(({ state }) => state === 'running');
  return operation?.state === 'running' ? (stoppingSteps[step?.name ?? ''] ?? null) : null;
}
