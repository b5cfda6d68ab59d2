import { expect, test } from 'vitest';
import { renderSynchronous } from './synchronous.ts';

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
