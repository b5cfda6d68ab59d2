import { describe, expect, it } from 'vitest';
import { type HoldInput, nextHold, whyHeld } from './hold-back.ts';

const limits = { loadMax: 2, lagBytesMax: 1000 };
const calm: HoldInput = { nowMs: 60_000, isCopying: true, load: 1, lagBytes: 0 };
const goes = { isHeld: false, sinceMs: 0 };
const held = { isHeld: true, sinceMs: 50_000 };

describe('a running backup', () => {
  it('is held back while the load or the lag is over its limit, and goes on once it is well below', () => {
    expect(nextHold(goes, limits, calm)).toBe(goes);
    expect(nextHold(goes, limits, { ...calm, load: 2.1 })).toEqual({ isHeld: true, sinceMs: 60_000 });
    expect(nextHold(goes, limits, { ...calm, lagBytes: 1001 }).isHeld).toBe(true);
    expect(nextHold(held, limits, { ...calm, load: 1.9 })).toBe(held);
    expect(nextHold(held, limits, { ...calm, load: 1.7 })).toEqual({ isHeld: false, sinceMs: 60_000 });
  });

  it('is never held for so long that the program gives up, nor at its begin and end', () => {
    const busy = { ...calm, load: 9 };
    expect(nextHold(held, limits, { ...busy, nowMs: 169_999 }).isHeld).toBe(true);
    expect(nextHold(held, limits, { ...busy, nowMs: 170_000 })).toEqual({ isHeld: false, sinceMs: 170_000 });
    expect(nextHold({ isHeld: false, sinceMs: 170_000 }, limits, { ...busy, nowMs: 175_000 }).isHeld).toBe(
      false,
    );
    expect(nextHold(goes, limits, { ...busy, isCopying: false }).isHeld).toBe(false);
    expect(nextHold(held, limits, { ...busy, isCopying: false }).isHeld).toBe(false);
  });

  it('says why, and is held for nothing that nobody knows or has set', () => {
    expect(whyHeld(limits, { load: 3, lagBytes: null })).toBe('the load is 3.0 per processor (2 is allowed)');
    expect(whyHeld(limits, { load: null, lagBytes: 4096 })).toContain('4.0 kB behind');
    expect(whyHeld({ ...limits, loadMax: null }, { load: 99, lagBytes: null })).toBeNull();
  });
});
