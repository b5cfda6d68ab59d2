import { demoState } from '@quantadb/engine/testing/demo-state';
import { expect, test } from 'vitest';
import { eventsBetween, type HookView } from './hook-events.ts';

const view = (more: Partial<HookView> = {}): HookView => ({
  ...{ node: 'node-2', role: 'standby', isDecider: false, state: demoState() },
  ...more,
});
const operation = {
  ...{ id: 'op-1', kind: 'switchover' as const, state: 'failed' as const, params: {}, requestedBy: 'ann' },
  ...{ reason: '', steps: [], error: 'no candidate', startedAtMs: 0, endedAtMs: 1 },
};
const ended = { ...demoState(), pastOperations: [operation] };

test('a node tells of its own role only when it changes', () => {
  expect(eventsBetween(view(), view())).toEqual([]);
  expect(eventsBetween(view(), view({ role: 'primary' }))).toEqual([
    {
      ...{ event: 'role-change', cluster: 'demo', node: 'node-2', epoch: 3, primary: 'node-1' },
      ...{ role: 'primary', before: 'standby' },
    },
  ]);
});

test('the end of an operation is told by whoever decides, once', () => {
  expect(eventsBetween(view(), view({ state: ended }))).toEqual([]);
  const told = eventsBetween(view(), view({ state: ended, isDecider: true }));
  expect(told).toMatchObject([{ event: 'operation-end', operation: { id: 'op-1', error: 'no candidate' } }]);
  expect(eventsBetween(view({ state: ended }), view({ state: ended, isDecider: true }))).toEqual([]);
});

test('what had happened before the daemon came up is no news', () => {
  expect(eventsBetween(view({ state: null }), view({ state: ended, isDecider: true }))).toEqual([]);
});
