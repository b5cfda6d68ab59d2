import { expect, it } from 'vitest';
import {
  concernsOf,
  type Filter,
  type NodeSessions,
  type Session,
  shownSessions,
  underWayMs,
} from './sessions.ts';

const everything: Filter = { node: null, state: null, tangle: null, olderThanSeconds: null, isAll: false };

const session = (pid: number, given: Partial<Session> = {}): NodeSessions['sessions'][number] => ({
  ...{ pid, startedAt: '1', kind: 'client', user: 'app', database: 'app', application: '', client: null },
  ...{ state: 'active', wait: null, transactionMs: 10, statementMs: 10, stateMs: 10, xminAge: null },
  ...{ text: null, blockedBy: [], protectedBecause: null, ...given },
});

const node: NodeSessions = {
  node: 'node-1',
  sessions: [
    session(1, { state: 'idle in transaction', stateMs: 90_000, transactionMs: 100_000 }),
    session(2, { blockedBy: [1], transactionMs: 5000 }),
    session(3, { kind: 'own' }),
    session(4, { state: 'idle', transactionMs: null, statementMs: 900_000 }),
    session(5, { kind: 'autovacuum', blockedBy: [1] }),
  ],
  leftOut: 0,
  blocking: [
    { pid: 1, depth: 0, waiting: 2, alsoBlockedBy: [], isKnot: false },
    { pid: 2, depth: 1, waiting: 0, alsoBlockedBy: [], isKnot: false },
    { pid: 5, depth: 1, waiting: 0, alsoBlockedBy: [], isKnot: false },
  ],
  problem: null,
};
const shown = (given: Partial<Filter>) =>
  shownSessions([node, { ...node, node: 'node-2', sessions: [] }], { ...everything, ...given }).map(
    ({ pid }) => pid,
  );

it('shows what clients do, and whatever else keeps somebody waiting', () => {
  expect(shown({})).toEqual([1, 2, 4, 5]);
  expect(shown({ isAll: true })).toEqual([1, 2, 3, 4, 5]);
});

it.each([
  [{ state: 'idle-in-transaction' }, [1]],
  [{ tangle: 'blocking' }, [1]],
  [{ tangle: 'blocked' }, [2, 5]],
  [{ tangle: 'either' }, [1, 2, 5]],
  [{ olderThanSeconds: 5 }, [1, 2]],
  [{ node: 'node-2' }, []],
] as const)('filters by %o', (filter, pids) => {
  expect(shown(filter)).toEqual(pids);
});

it('counts no time of a session that does nothing', () => {
  expect(underWayMs(session(1, { state: 'idle', transactionMs: null, statementMs: 900_000 }))).toBeNull();
  expect(underWayMs(session(1, { state: 'idle in transaction', transactionMs: 50, statementMs: 20 }))).toBe(
    50,
  );
});

it('calls out an open transaction that does nothing, and one that holds up vacuum', () => {
  const idle = { state: 'idle in transaction', stateMs: 61_000 };
  expect(concernsOf(session(1, idle))).toEqual(['idle in a transaction']);
  expect(concernsOf(session(1, { ...idle, stateMs: 1000 }))).toEqual([]);
  expect(concernsOf(session(1, { xminAge: 600_000 }))).toEqual(['holds up vacuum']);
});
