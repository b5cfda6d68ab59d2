import type { ClusterState } from '../contract/cluster-state.ts';
import { type Clock, sleep, systemClock } from '../shared/clock.ts';
import { QuantaError } from '../shared/errors.ts';
import type { Command, CommandResult } from './commands.ts';
import { whyTooNew } from './feature-level.ts';
import { memberByRaftId } from './membership.ts';
import type { Peers } from './peer-protocol.ts';
import type { ConsensusStore } from './store.ts';

const retryMs = 50;

/** Puts commands into the log from any node: straight on the leader, through it from elsewhere. */
export class Commander {
  private readonly store: ConsensusStore;
  private readonly peers: Peers;
  private readonly clock: Clock;

  constructor(store: ConsensusStore, peers: Peers, clock: Clock = systemClock) {
    this.store = store;
    this.peers = peers;
    this.clock = clock;
  }

  /**
   * Tries until a leader has taken the command or the deadline has passed. Commands name what they expect to find, so
   * trying one twice is safe.
   *
   * @throws QuantaError NO_QUORUM when no leader took it in time
   */
  async submit(command: Command, deadlineMs: number): Promise<CommandResult> {
    const tooNew = whyTooNew(this.store.state(), command);
    if (tooNew) return { ok: false, reason: tooNew };
    const endMs = this.clock.monotonicMs() + deadlineMs;
    let lastError: unknown;
    while (this.clock.monotonicMs() < endMs) {
      try {
        return await this.tryOnce(command, endMs - this.clock.monotonicMs());
      } catch (error) {
        lastError = error;
        await sleep(this.clock, retryMs);
      }
    }
    throw new QuantaError(
      'NO_QUORUM',
      `the cluster did not take the command ${command.kind} within ${deadlineMs} ms`,
      {
        cause: lastError,
        hint: 'A majority of the voters must be up and reachable; see `quantadb status`.',
      },
    );
  }

  private async tryOnce(command: Command, remainingMs: number): Promise<CommandResult> {
    const { isLeader, leaderRaftId } = this.store.leadership();
    if (isLeader) return this.store.submit(command, remainingMs);
    const state: ClusterState | null = this.store.state();
    const leader = state && leaderRaftId !== null ? memberByRaftId(state, leaderRaftId) : undefined;
    if (!state || !leader) throw new QuantaError('NO_QUORUM', 'no Raft leader is known');
    const input = { clusterId: state.clusterId, command };
    return this.peers.call(leader, 'submit', { input, deadlineMs: Math.min(remainingMs, 2000) });
  }
}
