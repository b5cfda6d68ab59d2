import type { ClusterState } from '../contract/cluster-state.ts';
import type { LeaseKeeper } from '../failover/lease-keeper.ts';
import type { FailoverTiming } from '../failover/timing.ts';
import type { Clock } from '../shared/clock.ts';
import { messageOf } from '../shared/errors.ts';
import type { Logger } from '../shared/logger.ts';
import type { Commander } from './commander.ts';
import type { Peers } from './peer-protocol.ts';

/** Long enough for a machine without a moment left; a daemon has far longer than all of these to end. */
const commandMs = 5000;
const renewalsMs = 1000;
const announceMs = 2000;

export interface RestartLeaseOptions {
  self: string;
  peers: Peers;
  commander: Commander;
  lease: LeaseKeeper;
  timing: FailoverTiming;
  clock: Clock;
  logger: Logger;
  state(): ClusterState | null;
}

/**
 * A primary's daemon that is replaced needs more time than a lease has, on a busy machine. So the cluster agrees on a longer
 * one first: whoever would grant the reign to somebody else reads it in the log, and waits for as long (`set-lease`). Only then
 * is one renewal counted for that long, and the others are told that the silence means nothing.
 */
export class RestartLease {
  private readonly options: RestartLeaseOptions;
  private readonly startedAtMs: number;
  private isReturning = false;
  /** From then on this process gives nothing back: what it has asked for is for the one after it. */
  private isEnding = false;

  constructor(options: RestartLeaseOptions) {
    this.options = options;
    this.startedAtMs = options.clock.monotonicMs();
  }

  /**
   * Before this daemon ends and PostgreSQL goes on. What cannot be agreed on in time leaves the lease as it is: a decider that
   * hears nothing takes the silence for a loss.
   */
  async prepare(): Promise<void> {
    const { self, state, lease, logger } = this.options;
    this.isEnding = true;
    if (state()?.reign.primary !== self) return;
    try {
      await this.prolong();
    } catch (error) {
      logger.warn(
        { error: messageOf(error) },
        'the lease stays as short as it is while this daemon is replaced',
      );
    }
    await lease.fallSilent(renewalsMs);
    await this.announce();
  }

  /**
   * Gives the longer lease back. It was counted before this process began, so it has run out once this process is older than
   * it was long, and what PostgreSQL lives by are renewals of the usual length.
   */
  tick(): void {
    const { self, state, commander, clock, lease, logger } = this.options;
    if (this.isEnding) return;
    const reign = state()?.reign;
    if (reign?.leaseMs === undefined || reign.primary !== self || this.isReturning) return;
    if (lease.deadlineMs(reign.epoch) === null) return;
    if (clock.monotonicMs() - this.startedAtMs <= reign.leaseMs) return;
    this.isReturning = true;
    const { epoch } = reign;
    commander
      .submit({ kind: 'set-lease', epoch, primary: self, leaseMs: null }, commandMs)
      // Until it is given back, elections without a quorum commit wait longer; the next tick tries again.
      .catch((error) => logger.debug({ error: messageOf(error) }, 'the longer lease is not given back yet'))
      .finally(() => {
        this.isReturning = false;
      });
  }

  private async prolong(): Promise<void> {
    const { self, state, commander, lease, logger, timing } = this.options;
    const epoch = state()?.reign.epoch ?? 0;
    const leaseMs = timing.restartLeaseMs;
    const agreed = await commander.submit({ kind: 'set-lease', epoch, primary: self, leaseMs }, commandMs);
    if (!agreed.ok) return logger.info({ reason: agreed.reason }, 'no longer lease was agreed on');
    await lease.prolong(epoch, leaseMs);
  }

  private async announce(): Promise<void> {
    const { self, peers, lease, timing } = this.options;
    const state = this.options.state();
    const forMs = (lease.remainingMs() ?? 0) - timing.killAheadMs;
    if (state?.reign.primary !== self || forMs <= 0) return;
    const input = { clusterId: state.clusterId, epoch: state.reign.epoch, forMs };
    const others = Object.values(state.members).filter(({ name }) => name !== self);
    await Promise.allSettled(
      others.map((peer) => peers.call(peer, 'primary-restarts', { input, deadlineMs: announceMs })),
    );
  }
}
