import type { ClusterState } from '../contract/cluster-state.ts';
import { compareLsn } from '../postgres/lsn.ts';
import type { ReceivedRenewal } from '../raft/lease-ledger.ts';
import { type Suspicion, suspect } from './detect.ts';
import { replayedIn, unconfirmedIn } from './lease.ts';
import type { FailoverTiming } from './timing.ts';

/** Looks are due many times a second; what is missing beyond this is time in which this process stood still. */
const expectedGapMsMax = 250;

/**
 * What the decider has heard of the reign's primary, and for how long it has listened. While the decider's own process
 * stood still, renewals wait unread: that time is not counted as the primary's silence (Raft's thread does the same for
 * its own clocks).
 */
export class PrimaryWatch {
  private lastRenewal: { epoch: number; atMs: number; unconfirmedForMs: number } | null = null;
  /** How far the candidate's replay was seen to be, and when it was first there. */
  private replay: { epoch: number; lsn: string; atMs: number } | null = null;
  private reportedLost: { epoch: number; detail: string } | null = null;
  private restart: { epoch: number; saidAtMs: number; forMs: number } | null = null;
  private watch: { epoch: number; sinceMs: number } | null = null;
  private lookedAtMs: number | null = null;
  /** How long this process stood still since the last renewal, or since the watch began. */
  private heldUpMs = 0;

  renewed({ epoch, receivedAtMs, body }: Pick<ReceivedRenewal, 'epoch' | 'receivedAtMs' | 'body'>): void {
    this.lastRenewal = { epoch, atMs: receivedAtMs, unconfirmedForMs: unconfirmedIn(body) };
    this.heldUpMs = 0;
    const lsn = replayedIn(body);
    const before = this.replay?.epoch === epoch ? this.replay.lsn : null;
    if (lsn !== null && (before === null || compareLsn(lsn, before) > 0))
      this.replay = { epoch, lsn, atMs: receivedAtMs };
  }

  primaryLost(report: { epoch: number; detail: string }): void {
    this.reportedLost = report;
  }

  /** Silence is expected until then: PostgreSQL is safe under its lease, and nobody has to take over. */
  primaryRestarts(restart: { epoch: number; forMs: number }, saidAtMs: number): void {
    this.restart = { ...restart, saidAtMs };
  }

  /** When the last renewal arrived, of whichever reign (monotonic ms). */
  get renewedAtMs(): number | null {
    return this.lastRenewal?.atMs ?? null;
  }

  /** To be called with every look of the decider, also while it has nothing to decide. */
  look(nowMs: number): void {
    const gapMs = nowMs - (this.lookedAtMs ?? nowMs);
    this.lookedAtMs = nowMs;
    if (gapMs > expectedGapMsMax) this.heldUpMs += gapMs - expectedGapMsMax;
  }

  /** No longer the decider: a later watch begins anew. */
  end(): void {
    this.watch = null;
    this.lookedAtMs = null;
  }

  suspicion(
    { reign, timelines }: Pick<ClusterState, 'reign' | 'timelines'>,
    now: { nowMs: number; leaderSinceMs: number; leaseMs: number; timing: FailoverTiming },
  ): Suspicion {
    if (this.watch?.epoch !== reign.epoch) {
      this.watch = { epoch: reign.epoch, sinceMs: now.nowMs };
      this.heldUpMs = 0;
    }
    const renewal = this.lastRenewal?.epoch === reign.epoch ? this.lastRenewal : null;
    const lost = this.reportedLost?.epoch === reign.epoch ? this.reportedLost.detail : null;
    return suspect({
      nowMs: now.nowMs,
      primary: reign.primary,
      lastRenewalMs: renewal?.atMs ?? null,
      unconfirmedForMs: renewal?.unconfirmedForMs ?? 0,
      advancedAtMs: this.replay?.epoch === reign.epoch ? this.replay.atMs : null,
      watchedSinceMs: Math.max(now.leaderSinceMs, this.watch.sinceMs),
      heldUpMs: this.heldUpMs,
      reportedLost: lost,
      restartsUntilMs: this.restartsUntilMs(reign.epoch, renewal?.atMs ?? 0, now.leaseMs),
      isRecorded: timelines.some(({ id, status }) => id === reign.timeline && status === 'recorded'),
      timing: now.timing,
    });
  }

  private restartsUntilMs(epoch: number, renewedAtMs: number, leaseMs: number): number | null {
    const { restart } = this;
    if (restart?.epoch !== epoch || renewedAtMs > restart.saidAtMs) return null;
    return restart.saidAtMs + Math.min(restart.forMs, leaseMs);
  }
}
