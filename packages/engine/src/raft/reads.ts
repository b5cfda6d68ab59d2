import type { CommittedRead } from './types.ts';

export const waitingReadsMax = 4096;

interface WaitingRead {
  id: number;
  /** The heartbeat round that proves leadership for it; undefined until one was started after the request. */
  round: number | undefined;
  index: number;
}

/**
 * Read index (Raft thesis §6.4) with batching: a request waits for a heartbeat round that *started after* it, and one
 * round serves everything that waits. While a round is under way newer requests wait for the next one.
 */
export class ReadQueue {
  private waiting: WaitingRead[] = [];
  private confirmed: CommittedRead[] = [];
  private failed: number[] = [];
  private currentRound = 0;

  get round(): number {
    return this.currentRound;
  }

  get hasOutput(): boolean {
    return this.confirmed.length > 0 || this.failed.length > 0;
  }

  /** @returns false when the queue is full */
  add(id: number): boolean {
    if (this.waiting.length >= waitingReadsMax) return false;
    this.waiting.push({ id, round: undefined, index: 0 });
    return true;
  }

  fail(id: number): void {
    this.failed.push(id);
  }

  /** Whether requests wait and no round is under way that they would only slow down. */
  wantsRound(): boolean {
    const started = this.waiting.some((read) => read.round !== undefined);
    return !started && this.waiting.some((read) => read.round === undefined);
  }

  /** Opens a new round. Requests join it only if `readable`: a leader's commit index is unknown before its own term's first commit. */
  startRound(commitIndex: number, readable: boolean): number {
    this.currentRound += 1;
    if (!readable) return this.currentRound;
    for (const read of this.waiting) {
      if (read.round !== undefined) continue;
      read.round = this.currentRound;
      read.index = commitIndex;
    }
    return this.currentRound;
  }

  /** A majority has answered `round`, or a later one. @returns whether a request was served */
  confirm(round: number): boolean {
    const before = this.waiting.length;
    const still: WaitingRead[] = [];
    for (const read of this.waiting) {
      if (read.round !== undefined && read.round <= round) {
        this.confirmed.push({ id: read.id, index: read.index });
      } else {
        still.push(read);
      }
    }
    this.waiting = still;
    return still.length < before;
  }

  /** Leadership is gone: nothing that was not handed out yet may count as confirmed. */
  failAll(): void {
    for (const read of this.waiting) this.failed.push(read.id);
    for (const read of this.confirmed) this.failed.push(read.id);
    this.waiting = [];
    this.confirmed = [];
  }

  take(): { reads: CommittedRead[]; failedReads: number[] } {
    const output = { reads: this.confirmed, failedReads: this.failed };
    this.confirmed = [];
    this.failed = [];
    return output;
  }
}
