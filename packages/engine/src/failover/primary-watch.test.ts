import { describe, expect, it } from 'vitest';
import { PrimaryWatch } from './primary-watch.ts';
import { timingOf } from './timing.ts';

const timing = timingOf('lan');
const state = {
  reign: { epoch: 3, primary: 'node-1', timeline: 3 },
  timelines: [{ id: 3, status: 'recorded' }],
} as unknown as Parameters<PrimaryWatch['suspicion']>[0];

/** Looks every 50 ms, as the coordinator does, from one moment to another. */
function listen(watch: PrimaryWatch, fromMs: number, toMs: number): string {
  let kind = '';
  for (let nowMs = fromMs; nowMs <= toMs; nowMs += 50) kind = look(watch, nowMs);
  return kind;
}

function look(watch: PrimaryWatch, nowMs: number): string {
  watch.look(nowMs);
  return watch.suspicion(state, { nowMs, leaderSinceMs: 0, leaseMs: timing.leaseMs, timing }).kind;
}

function renew(watch: PrimaryWatch, receivedAtMs: number): void {
  watch.renewed({ epoch: 3, receivedAtMs, body: '' });
}

describe('what the decider has heard of the primary', () => {
  it('is silence when it listened and nothing came', () => {
    const watch = new PrimaryWatch();
    renew(watch, 5_000);
    expect(listen(watch, 5_000, 6_000)).toBe('well');
    expect(look(watch, 6_050)).toBe('lost');
  });

  it('is not silence while the decider itself stood still (I-DETECT-1)', () => {
    const watch = new PrimaryWatch();
    renew(watch, 5_000);
    listen(watch, 5_000, 5_100);
    expect(look(watch, 8_100), 'renewals of three seconds wait unread').toBe('well');
    renew(watch, 8_100);
    expect(listen(watch, 8_150, 9_100)).toBe('well');
    expect(look(watch, 9_150), 'a former hold-up is not held against the next silence').toBe('lost');
  });

  it('comes to an end for a decider that stands still again and again (I-DETECT-1)', () => {
    const watch = new PrimaryWatch();
    renew(watch, 5_000);
    const verdicts = Array.from({ length: 8 }, (_, index) => look(watch, 5_000 + index * 1000));
    expect(verdicts).toEqual(['well', 'well', 'well', 'well', 'well', 'lost', 'lost', 'lost']);
  });

  it('counts a takeover from when the replay of the candidate last moved on', () => {
    const watch = new PrimaryWatch();
    const taking = { ...state, timelines: [] };
    const after = (nowMs: number, body: string) => {
      watch.renewed({ epoch: 3, receivedAtMs: nowMs, body });
      watch.look(nowMs);
      return watch.suspicion(taking, { nowMs, leaderSinceMs: 0, leaseMs: timing.leaseMs, timing }).kind;
    };
    const verdicts = (bodyAt: (nowMs: number) => string, fromMs: number, toMs: number) => {
      const kinds = new Set<string>();
      for (let nowMs = fromMs; nowMs <= toMs; nowMs += 250) kinds.add(after(nowMs, bodyAt(nowMs)));
      return [...kinds];
    };
    expect(verdicts((nowMs) => `250 0/${nowMs.toString(16).toUpperCase()}`, 250, 90_000)).toEqual(['well']);
    expect(
      verdicts(() => '250 0/15F90', 90_250, 120_000),
      'it stands still',
    ).toEqual(['well']);
    expect(verdicts(() => '250 0/15F90', 120_250, 120_500)).toEqual(['lost']);
  });

  it('begins anew for a decider that had stopped being one', () => {
    const watch = new PrimaryWatch();
    renew(watch, 5_000);
    listen(watch, 5_000, 5_100);
    watch.end();
    expect(look(watch, 60_000)).toBe('well');
    expect(listen(watch, 60_050, 61_050)).toBe('lost');
  });
});
