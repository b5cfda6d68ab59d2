import { expect, it } from 'vitest';
import { demoState } from '../testing/demo-state.ts';
import { barsOf } from './bars.ts';

it('names who must not become primary, why, and what ends it', () => {
  const state = demoState();
  const maintenance = { reason: '', sinceMs: 0, untilMs: null, by: 'me' };
  Object.assign(state.members['node-1'] ?? {}, { maintenance });
  Object.assign(state.members['node-2'] ?? {}, { phase: 'joining' });
  Object.assign(state.members['node-3'] ?? {}, {
    policy: { priority: 50, noFailover: true, noLoadBalance: false },
  });
  expect(Object.fromEntries(barsOf(state))).toEqual({
    'node-1': {
      why: 'it is in maintenance',
      cure: expect.stringContaining('quantadb maintenance off node-1'),
    },
    'node-2': { why: 'it is joining', cure: null },
    'node-3': {
      why: 'it is set to be never made primary',
      cure: expect.stringContaining('quantadb node set node-3 --failover yes'),
    },
  });
  expect(barsOf(demoState()).size).toBe(0);
});
