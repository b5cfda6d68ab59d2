import type { ClusterStatus } from '@quantadb/engine/contract/status';
import { describe, expect, test } from 'vitest';
import { StatusBoard, type StoredStatus } from './status-board.ts';

const status = (revision: number, name = 'demo', leader: string | null = 'node-1') =>
  ({ name, revision, nodes: [], raft: { leader, term: 1 } }) as unknown as ClusterStatus;
const row = (clusterId: string, revision: number, reportedAtMs: number | null, name = clusterId) => {
  return { clusterId, name, revision, reportedAtMs };
};
const stored = (clusterId: string, revision: number, reportedAtMs: number): StoredStatus => {
  return {
    ...row(clusterId, revision, reportedAtMs),
    status: status(revision, clusterId),
    isUnderstood: true,
  };
};
const revisions = (board: StatusBoard) => board.list().map(({ name, status: told }) => [name, told.revision]);

test('I-BOARD-1: an older report never takes the place of a newer one, whoever heard it', () => {
  const board = new StatusBoard();
  expect(board.hear('a', status(7), 1000)).toMatchObject({ reportedAtMs: 1000 });
  expect(board.hear('a', status(6), 2000)).toBeNull();
  // Another console has heard more, and then a late report comes to this one.
  expect(board.learn([row('a', 8, 1500)], 2000)).toEqual(['a']);
  expect(board.take([stored('a', 8, 1500)], 2000)).toHaveLength(1);
  expect(board.hear('a', status(7), 2500)).toBeNull();
  // What was loaded is older than what was heard while it was loaded.
  board.hear('a', status(9), 3000);
  expect(board.take([stored('a', 8, 1500)], 3000)).toEqual([]);
  expect(revisions(board)).toEqual([['a', 9]]);
});

test('I-BOARD-1: of the same revision the later report counts, and after a silence whatever another console has stored', () => {
  const board = new StatusBoard();
  board.hear('a', status(7), 10_000);
  expect(board.learn([row('a', 7, 10_000)], 10_100)).toEqual([]);
  // As stored before, by a clock that is behind: this console hears the cluster itself.
  expect(board.learn([row('a', 7, 9000)], 10_500)).toEqual([]);
  expect(board.learn([row('a', 7, 9000)], 14_000)).toEqual(['a']);
  expect(board.learn([row('a', 7, 11_000)], 10_500)).toEqual(['a']);
});

describe('I-BOARD-1: a node that hears no decider', () => {
  const deaf = status(7, 'demo', null);
  const leaders = (board: StatusBoard) => board.list().map(({ status: { raft } }) => raft.leader);
  const deafRow = (reportedAtMs: number) => ({ ...stored('a', 7, reportedAtMs), status: deaf });

  test('says nothing of a cluster whose decider was heard just now, by whichever console', () => {
    const board = new StatusBoard();
    board.learn([row('a', 7, 10_000)], 10_100);
    board.take([stored('a', 7, 10_000)], 10_100);
    expect(board.hear('a', deaf, 10_500)).toBeNull();
    // Nor when it told the other console, and that has stored it.
    board.hear('a', status(7), 11_000);
    expect(board.take([deafRow(11_400)], 11_500)).toEqual([]);
    expect(leaders(board)).toEqual(['node-1']);
    expect(board.hear('a', deaf, 14_001)).not.toBeNull();
    expect(leaders(board)).toEqual([null]);
  });

  test('is believed until this console reads that another one hears the decider', () => {
    const board = new StatusBoard();
    board.hear('a', deaf, 10_000);
    expect(board.learn([row('a', 7, 9500)], 10_100)).toEqual(['a']);
    expect(board.take([stored('a', 7, 9500)], 10_100)).toHaveLength(1);
    expect(board.hear('a', deaf, 11_000)).toBeNull();
    expect(leaders(board)).toEqual(['node-1']);
    // What was heard of the decider long ago is no news.
    board.hear('a', deaf, 13_000);
    expect(board.take([stored('a', 7, 9600)], 13_100)).toEqual([]);
  });

  test('is not read anew from the metadata for what this console has stored itself', () => {
    const board = new StatusBoard();
    board.hear('a', deaf, 10_000);
    board.noteStored(board.unstored());
    board.hear('a', deaf, 11_000);
    expect(board.learn([row('a', 7, 10_000)], 11_100)).toEqual([]);
  });

  test('is not believed sooner for a higher revision, which the decider is about to tell too', () => {
    const board = new StatusBoard();
    board.hear('a', status(7), 10_000);
    expect(board.hear('a', status(8, 'demo', null), 10_100)).toBeNull();
    expect(board.hear('a', status(8), 10_200)).not.toBeNull();
  });
});

test('I-BOARD-2: of each cluster only the newest status waits to be stored', () => {
  const board = new StatusBoard();
  for (const at of [1, 2, 3]) board.hear('a', status(at), at);
  board.hear('b', status(1), 3);
  const waiting = board.unstored();
  expect(waiting.map(({ clusterId, revision }) => [clusterId, revision])).toEqual([
    ['a', 3],
    ['b', 1],
  ]);
  // What comes while they are stored waits for the next time.
  board.hear('a', status(4), 4);
  board.noteStored(waiting);
  expect(board.unstored().map(({ clusterId, revision }) => [clusterId, revision])).toEqual([['a', 4]]);
  // Also in the same millisecond.
  const again = board.unstored();
  board.hear('a', status(5), 4);
  board.noteStored(again);
  expect(board.unstored().map(({ revision }) => revision)).toEqual([5]);
});

test('shows the clusters that there are, under the names that they have now', () => {
  const board = new StatusBoard();
  board.hear('a', status(1), 1000);
  board.hear('b', status(1), 1000);
  expect(board.list()).toEqual([]);
  board.learn([row('b', 1, 1000, 'bank'), row('a', 1, 1000, 'demo~a'), row('c', 0, null)], 1000);
  expect(revisions(board)).toEqual([
    ['bank', 1],
    ['demo~a', 1],
  ]);
  const answer = board.answerOf('a', 3500);
  expect(JSON.parse(`${answer?.told}${answer?.age}`)).toMatchObject({ id: 'a', name: 'demo~a', ageMs: 2500 });
  board.learn([row('b', 1, 1000, 'bank')], 1100);
  expect([board.find('a'), board.find('b')?.name]).toEqual([null, 'bank']);
});

test('what this release does not understand is left to whoever checks it', () => {
  const board = new StatusBoard();
  board.learn([row('a', 1, 1000)], 1000);
  board.take([{ ...stored('a', 1, 1000), isUnderstood: false }], 1000);
  expect([board.list().length, board.answerOf('a', 1000)]).toEqual([1, null]);
});
