import { type Rate, RateLimit } from '../http/rate-limit.ts';

/** A script with a wrong token asks a thousand times a minute; every entry is sealed after the one before it, one at a time. */
const usual: Rate = { burst: 100, perSecond: 1 };
const callersMax = 10_000;

/** Which refusals are written down, of each caller (pure but for what it remembers): the next one says how many were not. */
export class Refusals {
  private readonly limit: RateLimit;
  private readonly unwritten = new Map<string, number>();

  constructor(rate = usual) {
    this.limit = new RateLimit(rate);
  }

  /** @returns how many of this caller's before it were not written; null: nor is this one */
  admit(caller: string, nowMs: number): number | null {
    const before = this.unwritten.get(caller) ?? 0;
    this.unwritten.delete(caller);
    if (this.limit.take(caller, nowMs) === 0) return before;
    this.unwritten.set(caller, before + 1);
    if (this.unwritten.size > callersMax) this.unwritten.delete(this.unwritten.keys().next().value ?? '');
    return null;
  }
}
