import type { balanceStrategies } from '../../contract/router-settings.ts';
import type { Random } from '../../shared/random.ts';

export type BalanceStrategy = (typeof balanceStrategies)[number];

export interface ReadCandidate {
  name: string;
  weight: number;
  /** Server connections of this router that are in use there. */
  busy: number;
  lagBytes: number | null;
  lagMs: number | null;
  /** Of a question to it; null: never asked. */
  latencyMs: number | null;
  /** From 0 to 1: what it gets of its share while it comes back (slow start). */
  readiness: number;
}

export interface BalanceLimits {
  lagBytesMax: number;
  lagMsMax: number;
}

/** Chooses among servers that are fit; remembers nothing but whose turn it is. */
export class LoadBalancer {
  private readonly random: Random;
  private turn = 0;
  /** Smooth weighted round-robin: what each is still owed. */
  private readonly owed = new Map<string, number>();

  constructor(random: Random) {
    this.random = random;
  }

  /** @returns null when none is fit: the primary serves then */
  choose(
    strategy: BalanceStrategy,
    candidates: readonly ReadCandidate[],
    limits: BalanceLimits,
  ): ReadCandidate | null {
    const near = candidates.filter((each) => isNear(each, limits) && each.weight > 0);
    // One that has just come back gets a growing part of what would be its share.
    const fit = near.filter(({ readiness }) => readiness >= 1 || this.random() < readiness);
    if (fit.length === 0) return null;
    switch (strategy) {
      case 'round-robin':
        return fit[this.turn++ % fit.length] ?? null;
      case 'weighted':
        return this.mostOwed(fit);
      case 'least-connections':
        return this.least(fit, ({ busy, weight }) => busy / weight);
      case 'least-lag':
        return this.least(fit, ({ lagBytes }) => lagBytes ?? Number.POSITIVE_INFINITY);
      case 'latency-aware':
        // Of two chosen at random the one that would answer sooner: no stampede to the fastest.
        return this.sooner(this.any(fit), this.any(fit));
    }
  }

  private mostOwed(fit: readonly ReadCandidate[]): ReadCandidate | null {
    const total = fit.reduce((sum, { weight }) => sum + weight, 0);
    for (const { name, weight } of fit) this.owed.set(name, (this.owed.get(name) ?? 0) + weight);
    const chosen = this.least(fit, ({ name }) => -(this.owed.get(name) ?? 0));
    if (chosen) this.owed.set(chosen.name, (this.owed.get(chosen.name) ?? 0) - total);
    return chosen;
  }

  /** Among equals they take turns. */
  private least(fit: readonly ReadCandidate[], cost: (each: ReadCandidate) => number): ReadCandidate | null {
    const lowest = Math.min(...fit.map(cost));
    const best = fit.filter((each) => cost(each) === lowest);
    return best[this.turn++ % best.length] ?? null;
  }

  private any(fit: readonly ReadCandidate[]): ReadCandidate | null {
    return fit[Math.floor(this.random() * fit.length)] ?? null;
  }

  private sooner(left: ReadCandidate | null, right: ReadCandidate | null): ReadCandidate | null {
    if (!left || !right) return left ?? right;
    return expectedMs(left) <= expectedMs(right) ? left : right;
  }
}

function expectedMs({ latencyMs, busy }: ReadCandidate): number {
  return (latencyMs ?? 1) * (busy + 1);
}

/** A lag that nobody knows is too long. */
function isNear({ lagBytes, lagMs }: ReadCandidate, limits: BalanceLimits): boolean {
  return lagBytes !== null && lagBytes <= limits.lagBytesMax && (lagMs ?? 0) <= limits.lagMsMax;
}
