import { describe, expect, it } from 'vitest';
import type { Commander } from '../cluster/commander.ts';
import type { Peers } from '../cluster/peer-protocol.ts';
import type { Clock } from '../shared/clock.ts';
import { silentLogger } from '../shared/logger.ts';
import { demoState } from '../testing/demo-state.ts';
import { ArchiveWatch, stuckWords } from './archive-watch.ts';
import { failingSince } from './archiving-server.ts';

describe('archiving counts as stuck', () => {
  const archiving = { lastWal: null, lastAtMs: null, failingSinceMs: null, waitingSegments: 0 };

  it('when every attempt fails for a minute, or a gigabyte of WAL waits', () => {
    expect(stuckWords(archiving, 100_000)).toBeNull();
    expect(stuckWords({ ...archiving, failingSinceMs: 50_000, waitingSegments: 3 }, 100_000)).toBeNull();
    expect(stuckWords({ ...archiving, failingSinceMs: 30_000, waitingSegments: 3 }, 100_000)).toBe(
      'every attempt has failed for 70 s, and 3 segments wait',
    );
    expect(stuckWords({ ...archiving, waitingSegments: 65 }, 0)).toBe('65 segments wait');
  });

  it('since the oldest segment waits, on a new primary too, which has archived nothing or long ago', () => {
    expect(failingSince({ lastAtMs: null, oldestMs: 7000 })).toBe(7000);
    expect(failingSince({ lastAtMs: 5, oldestMs: 7000 })).toBe(7000);
    expect(failingSince({ lastAtMs: 9000, oldestMs: 7000 })).toBe(9000);
    expect(failingSince({ lastAtMs: 9000, oldestMs: null })).toBeNull();
  });
});

describe('gaps in the archive', () => {
  it('are looked for again in the same reign, also when there is one repository', async () => {
    let nowMs = 0;
    let looks = 0;
    const clock = { monotonicMs: () => nowMs, wallMs: () => nowMs } as Clock;
    const call = async (_: unknown, method: string) => {
      const archiving = { lastWal: null, lastAtMs: null, failingSinceMs: null, waitingSegments: 0 };
      if (method === 'backup-node') return { archiving, owed: [] };
      looks += 1;
      return { pushed: [], lost: [], failed: [] };
    };
    const peers = { call } as unknown as Peers;
    const commander = { submit: async () => ({ ok: true }) } as unknown as Commander;
    const watch = new ArchiveWatch({ commander, peers, logger: silentLogger, clock });
    const minutes = async (count: number) => {
      for (let minute = 0; minute < count; minute += 1) {
        watch.tick(demoState());
        await new Promise((resolve) => setImmediate(resolve));
        nowMs += 60_000;
      }
    };
    await minutes(10);
    expect(looks).toBe(1);
    await minutes(51);
    expect(looks).toBe(3);
  });
});
