import { execFileSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { systemClock } from '../../shared/clock.ts';
import { arm, beginKill, disarm, disarmed, isKillDue, untilKillMs } from './deadline.ts';

const killAheadMs = 500;
const at = (nowMs: number) => ({ nowMs, killAheadMs });
const armed = (deadlineMs: number) => ({ kind: 'armed', deadlineMs }) as const;

describe('the deadline', () => {
  test('moves forward and never back', () => {
    const first = arm(disarmed, 10_000, at(0));
    expect(first).toEqual({ state: armed(10_000), answer: { ok: true } });
    expect(arm(first.state, 12_000, at(1_000)).state).toEqual(armed(12_000));
    expect(arm(armed(12_000), 11_000, at(1_000))).toEqual({ state: armed(12_000), answer: { ok: true } });
  });

  test('begins the kill half a second early and not before', () => {
    expect(isKillDue(armed(10_000), at(9_499))).toBe(false);
    expect(isKillDue(armed(10_000), at(9_500))).toBe(true);
    expect(isKillDue(disarmed, at(1e12))).toBe(false);
    expect(untilKillMs(armed(10_000), at(9_000))).toBe(500);
    expect(untilKillMs(armed(10_000), at(11_000))).toBe(0);
    expect(untilKillMs(disarmed, at(0))).toBeNull();
  });

  test('is refused when it could not be kept', () => {
    expect(arm(disarmed, 1_500, at(1_000))).toEqual({
      state: disarmed,
      answer: { ok: false, reason: 'too_late' },
    });
    expect(arm(armed(5_000), 1_400, at(1_000))).toEqual({
      state: armed(5_000),
      answer: { ok: false, reason: 'too_late' },
    });
  });

  test('is refused once the kill has begun, even when only its timer is late', () => {
    expect(arm(beginKill(armed(5_000)), 90_000, at(1_000)).answer).toEqual({ ok: false, reason: 'killing' });
    expect(arm(armed(5_000), 90_000, at(4_500))).toEqual({
      state: { kind: 'killing', deadlineMs: 5_000 },
      answer: { ok: false, reason: 'killing' },
    });
  });

  test('is let go only without a postmaster and outside of a kill', () => {
    expect(disarm(armed(5_000), true)).toEqual({ state: armed(5_000), answer: { ok: false } });
    expect(disarm(armed(5_000), false)).toEqual({ state: disarmed, answer: { ok: true } });
    expect(disarm(disarmed, false).answer).toEqual({ ok: true });
    expect(disarm(beginKill(armed(5_000)), false).answer).toEqual({ ok: false });
  });
});

test('the monotonic clock is the same in another process, so that a deadline can be handed over', () => {
  const before = systemClock.monotonicMs();
  const text = execFileSync(process.execPath, ['-p', 'process.hrtime.bigint()'], { encoding: 'utf8' });
  const between = Number(BigInt(text.trim().replace(/n$/, ''))) / 1e6;
  expect(between).toBeGreaterThan(before);
  expect(between).toBeLessThan(systemClock.monotonicMs());
});
