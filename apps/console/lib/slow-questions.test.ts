import { expect, test } from 'vitest';
import { asksHosts } from './slow-questions.ts';

test('a question that waits for hosts does not hold up what the console knows itself', () => {
  expect(['logs.list', 'sessions.list', 'clusters.settings', 'operations.plan'].every(asksHosts)).toBe(true);
  expect(['clusters.get', 'clusters.events', 'alerts.firing', 'operations.list'].some(asksHosts)).toBe(false);
});
