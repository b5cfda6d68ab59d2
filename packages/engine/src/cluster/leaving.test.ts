import { expect, test } from 'vitest';
import { demoState } from '../testing/demo-state.ts';
import { whyNotAlone } from './leaving.ts';

test('I-MEMBER-9: a host leaves without its cluster when it is the last one, or there is no majority', () => {
  const state = demoState();
  const self = 'node-1';
  expect(whyNotAlone(state, { self, hasLeader: true })).toBe(
    'demo has a majority, and other nodes: node-2, node-3',
  );
  expect(whyNotAlone(state, { self, hasLeader: false })).toBeNull();
  expect(whyNotAlone(null, { self, hasLeader: false })).toBeNull();
  const last = { ...state, members: { [self]: state.members[self] } } as typeof state;
  expect(whyNotAlone(last, { self, hasLeader: true })).toBeNull();
});
