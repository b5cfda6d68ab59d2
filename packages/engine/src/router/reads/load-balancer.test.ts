import { describe, expect, it } from 'vitest';
import { type BalanceStrategy, LoadBalancer, type ReadCandidate } from './load-balancer.ts';

const limits = { lagBytesMax: 1000, lagMsMax: 500 };
const server = (name: string, changes: Partial<ReadCandidate> = {}): ReadCandidate => ({
  ...{ name, weight: 1, busy: 0, lagBytes: 0, lagMs: 0, latencyMs: 1, readiness: 1 },
  ...changes,
});

function count(strategy: BalanceStrategy, candidates: ReadCandidate[], rounds = 100): Record<string, number> {
  let seed = 1;
  const random = () => {
    seed = (seed * 16_807) % 2_147_483_647;
    return seed / 2_147_483_647;
  };
  const balancer = new LoadBalancer(random);
  const counts: Record<string, number> = {};
  for (let i = 0; i < rounds; i++) {
    const name = balancer.choose(strategy, candidates, limits)?.name ?? 'none';
    counts[name] = (counts[name] ?? 0) + 1;
  }
  return counts;
}

describe('choosing a server for a read', () => {
  it('goes round, by weight, by connections, by lag or by latency', () => {
    expect(count('round-robin', [server('a'), server('b')])).toEqual({ a: 50, b: 50 });
    expect(count('weighted', [server('a', { weight: 3 }), server('b')])).toEqual({ a: 75, b: 25 });
    expect(count('least-connections', [server('a', { busy: 2 }), server('b', { busy: 1 })])).toEqual({
      b: 100,
    });
    expect(
      count('least-connections', [server('a', { busy: 2, weight: 4 }), server('b', { busy: 1 })]),
    ).toEqual({ a: 100 });
    expect(count('least-lag', [server('a', { lagBytes: 9 }), server('b', { lagBytes: 8 })])).toEqual({
      b: 100,
    });
    const { a = 0, b = 0 } = count('latency-aware', [server('a', { latencyMs: 5 }), server('b')]);
    expect(b).toBeGreaterThan(a);
    expect(a).toBeGreaterThan(0);
  });

  it('takes nobody who lags too far, or whose lag is unknown', () => {
    const far = [
      server('a', { lagBytes: 2000 }),
      server('b', { lagMs: 600 }),
      server('c', { lagBytes: null }),
    ];
    for (const strategy of ['round-robin', 'least-lag'] as const)
      expect(count(strategy, far)).toEqual({ none: 100 });
  });

  it('lets one that comes back begin slowly', () => {
    const { a = 0, b = 0 } = count('round-robin', [server('a', { readiness: 0.1 }), server('b')]);
    expect(a).toBeLessThan(b / 3);
  });
});
