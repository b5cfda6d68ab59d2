/** So many requests at once, and so many more each second. */
export interface Rate {
  burst: number;
  perSecond: number;
}

interface Bucket {
  left: number;
  atMs: number;
}

const callersMax = 10_000;

/** Half of a minute's worth may come at once. */
export function rateOf(perMinute: number): Rate {
  return { burst: perMinute / 2, perSecond: perMinute / 60 };
}

/**
 * Token buckets of callers, in this console's memory (pure but for what it remembers). Of more callers than it can remember the one
 * that was silent longest is forgotten: he has a full bucket by then, or soon.
 */
export class RateLimit {
  private readonly rate: Rate;
  private readonly buckets = new Map<string, Bucket>();

  constructor(rate: Rate) {
    this.rate = rate;
  }

  /** As if he had never asked. */
  forget(caller: string): void {
    this.buckets.delete(caller);
  }

  /**
   * @param cost of a request that asks for several things at once: what is beyond the rest of the bucket is owed
   * @returns after how many seconds to ask again; 0: go on
   */
  take(caller: string, nowMs: number, cost = 1): number {
    const { burst, perSecond } = this.rate;
    const last = this.buckets.get(caller) ?? { left: burst, atMs: nowMs };
    const passedSeconds = Math.max(0, nowMs - last.atMs) / 1000;
    const left = Math.min(burst, last.left + passedSeconds * perSecond);
    const isAllowed = left >= 1;
    // Deleted first, so that the map is in the order of the last request.
    this.buckets.delete(caller);
    this.buckets.set(caller, { left: isAllowed ? left - cost : left, atMs: nowMs });
    if (this.buckets.size > callersMax) this.buckets.delete(this.buckets.keys().next().value ?? '');
    return isAllowed ? 0 : Math.max(1, Math.ceil((1 - left) / perSecond));
  }
}
