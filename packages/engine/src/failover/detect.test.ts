import { describe, expect, it } from 'vitest';
import { type DetectInput, suspect } from './detect.ts';
import { timingOf } from './timing.ts';

const timing = timingOf('lan');

function input(more: Partial<DetectInput>): DetectInput {
  return {
    nowMs: 10_000,
    primary: 'node-1',
    lastRenewalMs: 9_800,
    unconfirmedForMs: 250,
    advancedAtMs: null,
    watchedSinceMs: 0,
    heldUpMs: 0,
    reportedLost: null,
    restartsUntilMs: null,
    isRecorded: true,
    timing,
    ...more,
  };
}

describe('detection of a lost primary', () => {
  it('trusts a primary that renewed its lease lately', () => {
    expect(suspect(input({}))).toEqual({ kind: 'well' });
  });

  it('suspects a primary that has been silent for longer than the limit', () => {
    expect(suspect(input({ lastRenewalMs: 8_900 }))).toMatchObject({
      kind: 'lost',
      silentForMs: 1100,
      isCertain: false,
    });
  });

  it('waits for a primary whose daemon said that it is being replaced, as long as its lease lasts', () => {
    const silent = { lastRenewalMs: 7_500, restartsUntilMs: 10_500 };
    expect(suspect(input(silent))).toEqual({ kind: 'well' });
    expect(suspect(input({ ...silent, nowMs: 10_600 })).kind).toBe('lost');
    // Its PostgreSQL is gone: there is nothing left to wait for.
    expect(suspect(input({ ...silent, reportedLost: 'gone' })).kind).toBe('lost');
  });

  it('gives the primary the full time to be heard by a new leader', () => {
    expect(suspect(input({ lastRenewalMs: null, watchedSinceMs: 9_500 }))).toEqual({ kind: 'well' });
    expect(suspect(input({ lastRenewalMs: null, watchedSinceMs: 8_900 })).kind).toBe('lost');
  });

  it('notices a primary that it hears but that does not hear its confirmations', () => {
    const deaf = { unconfirmedForMs: timing.leaseMs / 2 + 1 };
    expect(suspect(input(deaf)).kind).toBe('deaf');
    expect(suspect(input({ ...deaf, watchedSinceMs: 9_500 })).kind, 'a new leader').toBe('well');
    expect(suspect(input({ ...deaf, lastRenewalMs: 8_900 })).kind, 'silent as well').toBe('lost');
    expect(suspect(input({ ...deaf, isRecorded: false })).kind, 'still taking over').toBe('well');
  });

  it('believes a daemon that reports its own PostgreSQL lost, without waiting', () => {
    expect(suspect(input({ reportedLost: 'PostgreSQL is not running' }))).toMatchObject({
      kind: 'lost',
      isCertain: true,
    });
  });

  it('replaces a candidate that renews but never opens', () => {
    const stuck = input({ nowMs: 50_000, lastRenewalMs: 49_900, watchedSinceMs: 10_000, isRecorded: false });
    expect(suspect(stuck)).toMatchObject({ kind: 'lost', isCertain: true });
    expect(suspect({ ...stuck, isRecorded: true }).kind).toBe('well');
  });

  it('waits for a candidate as long as its replay moves on', () => {
    const slow = input({ nowMs: 90_000, lastRenewalMs: 89_900, watchedSinceMs: 10_000, isRecorded: false });
    expect(suspect({ ...slow, advancedAtMs: 61_000 }).kind).toBe('well');
    expect(suspect({ ...slow, advancedAtMs: 59_000 })).toMatchObject({ kind: 'lost', isCertain: true });
  });
});
