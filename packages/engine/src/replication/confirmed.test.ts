import { expect, it } from 'vitest';
import { confirmedLsn } from './confirmed.ts';

const standby = (name: string, flushLsn: string | null, sync = 'quorum') => ({ name, sync, flushLsn });

it('confirms what n of the set have flushed, and nothing that fewer hold', () => {
  const standbys = [standby('node-2', '0/900'), standby('node-3', '0/A00'), standby('node-4', '0/300')];
  const names = ['node-2', 'node-3', 'node-4'];
  expect([1, 2, 3, 4].map((count) => confirmedLsn(standbys, { standbys: names, count }))).toEqual([
    '0/A00',
    '0/900',
    '0/300',
    null,
  ]);
});

it('does not count a standby outside the set, one that PostgreSQL does not wait for, or one that has confirmed nothing', () => {
  const set = { standbys: ['node-2', 'node-3'], count: 1 };
  expect(confirmedLsn([standby('node-4', '0/900')], set)).toBeNull();
  expect(confirmedLsn([standby('node-2', '0/900', 'async')], set)).toBeNull();
  expect(confirmedLsn([standby('node-2', null)], set)).toBeNull();
});

it('confirms nothing while no commit waits for anybody', () => {
  expect(confirmedLsn([standby('node-2', '0/900')], { standbys: ['node-2'], count: 0 })).toBeNull();
});
