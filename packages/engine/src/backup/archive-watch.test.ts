import { describe, expect, it } from 'vitest';
import { stuckWords } from './archive-watch.ts';
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
