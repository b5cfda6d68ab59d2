import type { ClusterState } from '../contract/cluster-state.ts';
import type { Peers } from './peer-protocol.ts';

const deadlineMs = 500;

/**
 * Says to every member that the primary's daemon is about to be replaced, so that its silence is no reason to fail over as long as
 * its lease lasts. Best effort: a decider that does not hear it takes the silence for a loss.
 */
export async function announceRestart({
  self,
  peers,
  state,
  forMs,
}: {
  self: string;
  peers: Peers;
  state: ClusterState | null;
  /** What is left of the lease; nothing is said when that is nothing. */
  forMs: number;
}): Promise<void> {
  if (state?.reign.primary !== self || forMs <= 0) return;
  const { clusterId, reign } = state;
  const input = { clusterId, epoch: reign.epoch, forMs };
  const others = Object.values(state.members).filter(({ name }) => name !== self);
  await Promise.allSettled(others.map((peer) => peers.call(peer, 'primary-restarts', { input, deadlineMs })));
}
