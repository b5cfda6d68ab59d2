import type { Session } from '@quantadb/engine/contract/sessions';
import { expect, it } from 'vitest';
import { sessionsText, type ToldSessions } from './sessions.ts';

const session = (pid: number, given: Partial<Session> = {}): Session => ({
  ...{ pid, startedAt: '1', kind: 'client', user: 'app', database: 'shop', application: '', client: null },
  ...{ state: 'active', wait: null, transactionMs: 61_000, statementMs: 10, stateMs: 10, xminAge: null },
  ...{ text: 'UPDATE\n  stock', blockedBy: [], protectedBecause: null, ...given },
});

const told: ToldSessions = {
  node: 'node-1',
  sessions: [session(7), session(8, { blockedBy: [7], text: null }), session(9, { kind: 'own' })],
  leftOut: 3,
  blocking: [
    { pid: 7, depth: 0, waiting: 1, alsoBlockedBy: [], isKnot: false },
    { pid: 8, depth: 1, waiting: 0, alsoBlockedBy: [], isKnot: false },
  ],
  problem: null,
};

it('shows who waits for whom, then a session a line', () => {
  const [title, first, second, , , line = '', hidden = '', more] = sessionsText([told], {
    isAll: false,
  }).split('\n');
  expect([title, first, second, more]).toEqual([
    'node-1:',
    '7  1 waits for it, active',
    '  8  active',
    'and 3 more',
  ]);
  expect(line).toMatch(/^7 .*app .*shop .*local .*1 min .*UPDATE stock$/);
  expect(hidden).toContain('(not shown)');
});

it('leaves out what is no client, until it is asked for', () => {
  expect(sessionsText([told], { isAll: false })).not.toMatch(/^9 /m);
  expect(sessionsText([told], { isAll: true })).toMatch(/^9 /m);
});

it('says of a node that does not answer why', () => {
  expect(sessionsText([{ ...told, problem: 'it is down' }], { isAll: false })).toBe(
    'node-1 could not be asked: it is down',
  );
});
