import { expect, test } from 'vitest';
import { isSuperseded, renderSynchronous } from './synchronous.ts';

test('a commit waits for n of the set, in every mode; only the default differs', () => {
  const set = { standbys: ['node-3', 'node-2'], count: 1 };
  const synchronousStandbyNames = 'ANY 1 ("node-2", "node-3")';
  expect(renderSynchronous(set, 'quorum')).toEqual({ synchronousStandbyNames, synchronousCommit: 'on' });
  expect(renderSynchronous(set, 'all')).toEqual({ synchronousStandbyNames, synchronousCommit: 'on' });
  expect(renderSynchronous(set, 'async')).toEqual({ synchronousStandbyNames, synchronousCommit: 'local' });
});

test('a set that demands more than it has blocks instead of becoming empty', () => {
  const { synchronousStandbyNames } = renderSynchronous({ standbys: [], count: 2 }, 'quorum');
  expect(synchronousStandbyNames).toBe('ANY 2 ("quantadb nobody")');
});

test('a set that demands nothing is empty', () => {
  expect(renderSynchronous({ standbys: ['node-2'], count: 0 }, 'quorum').synchronousStandbyNames).toBe('');
});

test('I-SYNC-8: an order for an earlier set of the same cluster is refused, another cluster starts anew', () => {
  const last = { clusterId: 'c1', move: 7 };
  expect(isSuperseded({ clusterId: 'c1', move: 6 }, last)).toBe(true);
  expect(isSuperseded({ clusterId: 'c1', move: 7 }, last)).toBe(false);
  expect(isSuperseded({ clusterId: 'c2', move: 1 }, last)).toBe(false);
  expect(isSuperseded({ clusterId: 'c1', move: 0 }, null)).toBe(false);
});
