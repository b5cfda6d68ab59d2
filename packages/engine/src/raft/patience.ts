/** What became of an entry: `timeout` leaves it open whether it will be committed. */
export type EntryOutcome = 'committed' | 'lost' | 'timeout' | 'stopped';

interface EntryWaiter {
  term: number;
  endMs: number;
  settle(outcome: EntryOutcome): void;
}

interface ReadWaiter {
  endMs: number;
  settle(isProven: boolean): void;
}

interface ConditionWaiter {
  endMs: number;
  /** True when it has settled. */
  attempt(): boolean;
  giveUp(): void;
}

/** Those who wait for the log: pure bookkeeping, every wait with an end. */
export class Patience {
  private readonly entries = new Map<number, EntryWaiter>();
  private readonly reads = new Map<number, ReadWaiter>();
  private readonly conditions = new Set<ConditionWaiter>();

  untilCommitted(
    entry: { index: number; term: number; endMs: number },
    settle: (outcome: EntryOutcome) => void,
  ): void {
    // A second entry at the same index was proposed in a later term: the first one is overwritten.
    this.entries.get(entry.index)?.settle('lost');
    this.entries.set(entry.index, { term: entry.term, endMs: entry.endMs, settle });
  }

  untilRead(read: { readId: number; endMs: number }, settle: (isProven: boolean) => void): void {
    this.reads.set(read.readId, { endMs: read.endMs, settle });
  }

  until(attempt: () => boolean, endMs: number, giveUp: () => void): void {
    this.conditions.add({ attempt, endMs, giveUp });
  }

  committed(index: number, term: number): void {
    const waiter = this.entries.get(index);
    if (!waiter) return;
    this.entries.delete(index);
    waiter.settle(waiter.term === term ? 'committed' : 'lost');
  }

  /** A snapshot has replaced the log up to `index`: what was there is unknown. */
  skippedTo(index: number): void {
    for (const [at, waiter] of this.entries) {
      if (at > index) continue;
      this.entries.delete(at);
      waiter.settle('timeout');
    }
  }

  read(readId: number, isProven: boolean): void {
    const waiter = this.reads.get(readId);
    this.reads.delete(readId);
    waiter?.settle(isProven);
  }

  /** Asks the conditions again. */
  retry(): void {
    for (const condition of this.conditions) {
      if (condition.attempt()) this.conditions.delete(condition);
    }
  }

  expire(nowMs: number): void {
    for (const [index, waiter] of this.entries) {
      if (waiter.endMs > nowMs) continue;
      this.entries.delete(index);
      waiter.settle('timeout');
    }
    for (const [readId, waiter] of this.reads) {
      if (waiter.endMs <= nowMs) this.read(readId, false);
    }
    for (const condition of this.conditions) {
      if (condition.endMs > nowMs) continue;
      this.conditions.delete(condition);
      condition.giveUp();
    }
  }

  failAll(): void {
    for (const [index, waiter] of this.entries) {
      this.entries.delete(index);
      waiter.settle('stopped');
    }
    for (const readId of [...this.reads.keys()]) this.read(readId, false);
    for (const condition of this.conditions) condition.giveUp();
    this.conditions.clear();
  }
}
