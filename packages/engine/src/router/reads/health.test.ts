import { expect, it } from 'vitest';
import { afterFailure, afterSuccess, newHealth, readinessOf, usualHealthRules as rules } from './health.ts';

it('one failure is no reason, two in a row are', () => {
  const once = afterFailure(newHealth, 0, rules);
  expect(readinessOf(once, 1, rules)).toBe(1);
  expect(readinessOf(afterFailure(afterSuccess(once, 1, rules), 2, rules), 3, rules)).toBe(1);
  expect(readinessOf(afterFailure(once, 1, rules), 2, rules)).toBe(0);
});

it('every time it is out for longer, and it comes back slowly', () => {
  let health = newHealth;
  let nowMs = 0;
  const pauses: number[] = [];
  for (let i = 0; i < 8; i++) {
    health = afterFailure(afterFailure(health, nowMs, rules), nowMs, rules);
    pauses.push(health.ejectedUntilMs - nowMs);
    nowMs = health.ejectedUntilMs;
  }
  expect(pauses).toEqual([1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000]);
  expect(readinessOf(health, nowMs, rules)).toBeLessThan(0.1);
  expect(readinessOf(health, nowMs + 5000, rules)).toBe(0.5);
  expect(readinessOf(health, nowMs + 10_000, rules)).toBe(1);
});

it('what fails while it is out keeps it out no longer', () => {
  const out = afterFailure(afterFailure(newHealth, 0, rules), 0, rules);
  expect(afterFailure(afterFailure(out, 500, rules), 600, rules)).toEqual(out);
});

it('what goes well for long is forgiven', () => {
  const out = afterFailure(afterFailure(newHealth, 0, rules), 0, rules);
  expect(afterSuccess(out, 70_000, rules).ejections).toBe(0);
});
