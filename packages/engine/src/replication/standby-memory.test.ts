import { expect, test } from 'vitest';
import { followersOfSlots } from './follower-slots.ts';
import { StandbyMemory } from './standby-memory.ts';

const standby = (name: string, replayLsn: string | null, state = 'streaming') => ({
  ...{ name, state, sync: 'quorum', writeLsn: replayLsn, flushLsn: replayLsn, replayLsn },
});

test('a standby that is cut off stays with what it had confirmed last', () => {
  const memory = new StandbyMemory();
  memory.complete([standby('node-2', '0/10'), standby('node-3', '0/20')]);
  expect(memory.complete([standby('node-3', '0/30')])).toEqual([
    standby('node-3', '0/30'),
    { ...standby('node-2', '0/10', 'disconnected'), sync: 'async' },
  ]);
  expect(memory.complete([standby('node-2', '0/40'), standby('node-3', '0/40')])).toHaveLength(2);
});

test('a member that left, and an earlier reign, are forgotten', () => {
  const memory = new StandbyMemory();
  memory.complete([standby('node-2', '0/10'), standby('node-3', '0/20'), standby('node-4', null)]);
  memory.keepOnly(['node-3']);
  expect(memory.complete([]).map(({ name }) => name)).toEqual(['node-3']);
  memory.forget();
  expect(memory.complete([])).toEqual([]);
});

test('a cluster that follows stays while it is away, whoever is a member, until it says that it has left', () => {
  const memory = new StandbyMemory();
  memory.complete([standby('cluster:dr', '0/10'), standby('node-2', '0/10')]);
  memory.keepOnly([]);
  expect(memory.complete([]).map(({ name }) => name)).toEqual(['cluster:dr']);
  memory.leave('cluster:dr');
  expect(memory.complete([])).toEqual([]);
});

test('I-DR-8: a cluster for which WAL is kept is missed by a primary that has never seen it', () => {
  const memory = new StandbyMemory();
  const expected = followersOfSlots(['node_2', 'standby_cluster_dr_west', 'a_consumer']);
  expect(expected).toEqual(['cluster:dr-west']);
  const never = { ...standby('cluster:dr-west', null, 'disconnected'), sync: 'async' };
  expect(memory.complete([standby('node-2', '0/10')], expected)).toEqual([standby('node-2', '0/10'), never]);
  // Once it has come it is told of as it is, and then as it was.
  const come = standby('cluster:dr-west', '0/10');
  expect(memory.complete([come], expected)).toContainEqual(come);
  const gone = { ...come, state: 'disconnected', sync: 'async' };
  expect(memory.complete([], expected)).toContainEqual(gone);
});
