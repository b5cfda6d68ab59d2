import { type Cancel, type Clock, sleep, systemClock } from '../shared/clock.ts';
import { messageOf } from '../shared/errors.ts';
import type { Logger } from '../shared/logger.ts';
import { RecentExtreme } from '../shared/recent-extreme.ts';
import { holderDeadlineMs, renewalBody } from './lease.ts';
import type { FailoverTiming } from './timing.ts';

export interface LeaseKeeperOptions {
  timing: FailoverTiming;
  logger: Logger;
  clock?: Clock;
  /** Sends one renewal through Raft; `sentAtMs` is when it left this host. */
  renew(
    request: { epoch: number; body: string },
    deadlineMs: number,
  ): Promise<{ ok: true; sentAtMs: number } | { ok: false; reason: string }>;
  /** Hands the new deadline to the reaper. False when the reaper has begun to kill. */
  arm(deadlineMs: number): Promise<boolean>;
  /** How far PostgreSQL has replayed; null when nobody knows. */
  replayed?(): string | null;
  /** A fresh look at PostgreSQL: a new connection, a write, a flush. */
  probe(): Promise<{ ok: boolean; detail: string }>;
  /** PostgreSQL has not answered a probe for longer than a primary may be silent. */
  onUnwell(epoch: number, detail: string): void;
}

/** A probe may be this much older than the silence that makes others suspicious. */
const probeEveryMs = 500;

/**
 * Keeps the lease of one epoch alive while this node is, or is about to be, primary. A renewal needs a fresh probe of
 * PostgreSQL, and it is sent by the daemon's main loop: a hung server or a hung daemon lets the lease run out, and the
 * reaper acts.
 */
export class LeaseKeeper {
  private readonly options: LeaseKeeperOptions;
  private readonly clock: Clock;
  private epoch: number | null = null;
  private deadline: number | null = null;
  private lastWellMs = 0;
  private timers: Cancel[] = [];
  /** Renewals that wait for their confirmation. */
  private readonly inFlight = new Set<Promise<void>>();
  /** When the newest confirmed renewal was sent, or since when there could have been one. */
  private confirmedAtMs = 0;
  private isProbing = false;
  private probing = false;
  private readonly probeMs = new RecentExtreme('max');
  private readonly leaseRemainingMs = new RecentExtreme('min');

  constructor(options: LeaseKeeperOptions) {
    this.options = options;
    this.clock = options.clock ?? systemClock;
  }

  /** CLOCK_MONOTONIC ms until which this node may be primary of `epoch`; null without a lease. */
  deadlineMs(epoch: number): number | null {
    return this.epoch === epoch ? this.deadline : null;
  }

  remainingMs(): number | null {
    return this.deadline === null ? null : this.deadline - this.clock.monotonicMs();
  }

  /** How near it lately came to an end: the slowest probe, and the least that was left when the lease was renewed. */
  closeness(): { probeMsMax: number | null; leaseRemainingMsMin: number | null } {
    const nowMs = this.clock.monotonicMs();
    return {
      probeMsMax: this.probeMs.value(nowMs),
      leaseRemainingMsMin: this.leaseRemainingMs.value(nowMs),
    };
  }

  /**
   * Begins (or goes on) renewing for `epoch`. While a takeover is under way PostgreSQL need not answer yet: the decider
   * bounds a takeover by its own deadline, for which each renewal tells how far the replay has come.
   */
  hold(epoch: number, phase: 'taking-over' | 'serving'): void {
    if (this.epoch !== epoch) {
      this.release();
      this.epoch = epoch;
      this.confirmedAtMs = this.clock.monotonicMs();
      this.timers.push(this.clock.every(this.options.timing.renewEveryMs, () => this.renewOnce()));
      this.renewOnce();
    }
    if (phase === 'taking-over' || this.isProbing) return;
    this.isProbing = true;
    this.lastWellMs = this.clock.monotonicMs();
    this.timers.push(this.clock.every(probeEveryMs, () => void this.probeOnce()));
  }

  /**
   * Lets this reign live for `leaseMs` by one renewal. Only after the cluster has agreed that whoever grants waits for as long.
   *
   * @returns false when nothing changed
   */
  async prolong(epoch: number, leaseMs: number): Promise<boolean> {
    if (this.epoch !== epoch || !this.isWell()) return false;
    const answer = await this.options.renew({ epoch, body: '0' }, this.options.timing.suspectAfterMs);
    if (!answer.ok || this.epoch !== epoch) return false;
    await this.take(epoch, holderDeadlineMs(answer.sentAtMs, leaseMs));
    return true;
  }

  /**
   * Sends no more renewals, and lives on by what it has. A decider takes a renewal that arrives after the word of a restart
   * for the restart's end, so those under way are waited for.
   *
   * @returns once all are answered, or after `waitMs`
   */
  async fallSilent(waitMs: number): Promise<void> {
    for (const cancel of this.timers) cancel();
    this.timers = [];
    await Promise.race([Promise.allSettled(this.inFlight), sleep(this.clock, waitMs)]);
  }

  /**
   * For a start of PostgreSQL the reaper was told to let go of every deadline: only what it is given from now on counts.
   * Renewing goes on.
   */
  forgetDeadline(): void {
    this.deadline = null;
  }

  /** Stops renewing. The reaper keeps the last deadline: letting go of a lease never prolongs anything. */
  release(): void {
    for (const cancel of this.timers) cancel();
    this.timers = [];
    this.epoch = null;
    this.deadline = null;
    this.isProbing = false;
  }

  /**
   * A renewal does not wait for the one before it, and a late confirmation is as good as any: the deadline counts from
   * when the renewal was sent. TCP delivers late, and all at once, what a bad network has held up.
   */
  private renewOnce(): void {
    const { epoch } = this;
    const { renewEveryMs, leaseMs } = this.options.timing;
    if (epoch === null || this.inFlight.size >= leaseMs / renewEveryMs || !this.isWell()) return;
    const renewal = this.renew(epoch).finally(() => this.inFlight.delete(renewal));
    this.inFlight.add(renewal);
  }

  private async renew(epoch: number): Promise<void> {
    const { leaseMs } = this.options.timing;
    try {
      const replayLsn = this.isProbing ? null : (this.options.replayed?.() ?? null);
      const body = renewalBody(this.clock.monotonicMs() - this.confirmedAtMs, replayLsn);
      const answer = await this.options.renew({ epoch, body }, leaseMs);
      if (this.epoch !== epoch) return;
      if (answer.ok) await this.confirmed(epoch, answer.sentAtMs);
      else this.options.logger.debug({ epoch, reason: answer.reason }, 'lease not renewed');
    } catch (error) {
      this.options.logger.warn({ epoch, error: messageOf(error) }, 'lease renewal failed');
    }
  }

  private async confirmed(epoch: number, sentAtMs: number): Promise<void> {
    this.confirmedAtMs = Math.max(this.confirmedAtMs, sentAtMs);
    await this.take(epoch, holderDeadlineMs(sentAtMs, this.options.timing.leaseMs));
  }

  private async take(epoch: number, deadline: number): Promise<void> {
    if (deadline <= (this.deadline ?? 0)) return;
    const isArmed = await this.options.arm(deadline);
    const remainingMs = this.remainingMs();
    if (remainingMs !== null) this.leaseRemainingMs.note(remainingMs, this.clock.monotonicMs());
    if (this.epoch === epoch && isArmed) this.deadline = Math.max(this.deadline ?? 0, deadline);
  }

  /** PostgreSQL has answered a probe lately, or need not yet. */
  isWell(): boolean {
    return (
      !this.isProbing ||
      this.clock.monotonicMs() - this.lastWellMs < this.options.timing.suspectAfterMs + probeEveryMs
    );
  }

  private async probeOnce(): Promise<void> {
    const { epoch } = this;
    if (epoch === null || this.probing) return;
    this.probing = true;
    try {
      const startedMs = this.clock.monotonicMs();
      const answer = await this.options.probe();
      this.probeMs.note(this.clock.monotonicMs() - startedMs, this.clock.monotonicMs());
      if (this.epoch !== epoch) return;
      if (answer.ok) this.lastWellMs = startedMs;
      else if (!this.isWell()) this.options.onUnwell(epoch, answer.detail);
    } catch (error) {
      this.options.logger.warn({ epoch, error: messageOf(error) }, 'the probe of PostgreSQL failed');
    } finally {
      this.probing = false;
    }
  }
}
