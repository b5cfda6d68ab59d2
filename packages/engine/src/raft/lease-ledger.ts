/**
 * Lease renewals are the primary's heartbeat. They never enter the log: the holder stamps the moment it sent one, the
 * leader checks that the holder is the one it was told to serve and proves its own leadership by a read-index round
 * that began *after* the renewal arrived (Raft thesis §6.4). Only then does the holder count its deadline, from its own
 * stamp, so that no clock but its own matters.
 */

/** Whose renewals the leader confirms. Set by the decider from the replicated state, null while it seals. */
export interface LeaseGate {
  epoch: number;
  holderId: number;
}

export interface ReceivedRenewal {
  holderId: number;
  epoch: number;
  body: string;
  receivedAtMs: number;
}

export type RenewalOutcome = { ok: true; sentAtMs: number } | { ok: false; reason: string };

export const pendingRenewalsMax = 64;

interface Confirming {
  renewal: ReceivedRenewal;
  reply(outcome: { ok: boolean; reason: string }): void;
}

/** The leader's side: pure bookkeeping between a renewal's arrival and the proof of leadership. */
export class LeaseLedger {
  private gate: LeaseGate | null = null;
  private readonly confirming = new Map<number, Confirming>();

  /** A gate set by a node that does not lead is void: leadership may come back with another state behind it. */
  setGate(gate: LeaseGate | null, isLeader: boolean): void {
    this.gate = isLeader ? gate : null;
  }

  leadershipLost(): void {
    this.gate = null;
  }

  /**
   * @returns null when a leadership proof under `readId` must be asked for now, else why the renewal is refused
   */
  receive(renewal: ReceivedRenewal, readId: number, reply: Confirming['reply']): string | null {
    const refusal = this.refusal(renewal);
    if (refusal !== null) return refusal;
    if (this.confirming.size >= pendingRenewalsMax) return 'too many renewals wait';
    this.confirming.set(readId, { renewal, reply });
    return null;
  }

  /** The answer of the read index. @returns false when `readId` is none of ours */
  proven(readId: number, isProven: boolean): boolean {
    const confirming = this.confirming.get(readId);
    if (!confirming) return false;
    this.confirming.delete(readId);
    // The gate may have been closed, or moved to another epoch, while the proof was under way.
    const refusal = isProven ? this.refusal(confirming.renewal) : 'leadership was not proven';
    confirming.reply({ ok: refusal === null, reason: refusal ?? '' });
    return true;
  }

  private refusal(renewal: ReceivedRenewal): string | null {
    if (!this.gate) return 'the leader serves no lease now';
    if (this.gate.holderId !== renewal.holderId) return 'the lease belongs to another node';
    if (this.gate.epoch !== renewal.epoch) return `the lease is of epoch ${this.gate.epoch}`;
    return null;
  }
}

interface Waiting {
  sentAtMs: number;
  expiresAtMs: number;
  settle(outcome: RenewalOutcome): void;
}

/** The holder's side: what was sent when, and what still waits for its confirmation. */
export class RenewalDesk {
  private readonly waiting = new Map<number, Waiting>();
  private sequence = 0;

  /** @returns the sequence number to send, or null when too many wait already */
  open(
    timing: { nowMs: number; deadlineMs: number },
    settle: (outcome: RenewalOutcome) => void,
  ): number | null {
    if (this.waiting.size >= pendingRenewalsMax) return null;
    this.sequence += 1;
    this.waiting.set(this.sequence, {
      sentAtMs: timing.nowMs,
      expiresAtMs: timing.nowMs + timing.deadlineMs,
      settle,
    });
    return this.sequence;
  }

  answer(sequence: number, outcome: { ok: boolean; reason: string }): void {
    const waiting = this.waiting.get(sequence);
    if (!waiting) return;
    this.waiting.delete(sequence);
    waiting.settle(
      outcome.ok ? { ok: true, sentAtMs: waiting.sentAtMs } : { ok: false, reason: outcome.reason },
    );
  }

  expire(nowMs: number): void {
    for (const [sequence, waiting] of this.waiting) {
      if (waiting.expiresAtMs > nowMs) continue;
      this.answer(sequence, { ok: false, reason: 'the leader did not confirm in time' });
    }
  }

  failAll(reason: string): void {
    for (const sequence of [...this.waiting.keys()]) this.answer(sequence, { ok: false, reason });
  }
}
