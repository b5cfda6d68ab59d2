import { expect, it } from 'vitest';
import { Classifier } from '../classify/classifier.ts';
import { transactionStatus } from '../protocol/codes.ts';
import type { ServerLoss } from '../server/server-user.ts';
import { Flight } from './flight.ts';

const classifier = new Classifier();
const { idle, inTransaction } = transactionStatus;

/** What is judged of a loss after these statements; all but those of `asked` have been answered. */
function judged(texts: string[], loss: Partial<ServerLoss>): string {
  const flight = new Flight();
  for (const text of texts) {
    const range = { start: 0, end: text.length };
    const statement = classifier.classify(Buffer.from(text), range, false);
    flight.asked(statement, statement.facts.looksReadOnly);
  }
  if (!loss.isAsked) flight.answered();
  const usual = { status: idle, isAsked: false, isOpen: false, isSkipping: false, asked: [] };
  return flight.judge({ ...usual, isCutMessage: false, detail: '', ...loss });
}

it('what was answered before its Sync is rolled back with its server, unless a COMMIT was among it (I-ROUTER-1)', () => {
  const open = { isOpen: true };
  expect(judged(['insert into t values (1)'], open)).toBe('statement');
  expect(judged(['insert into t values (1)'], {})).toBe('nothing');
  expect(judged(['select 1'], open)).toBe('nothing');
  expect(judged(['begin', 'insert into t values (1)'], open)).toBe('transaction');
  expect(judged(['begin', 'select 1'], open)).toBe('transaction');
  expect(judged(['begin', 'insert into t values (1)', 'commit'], open)).toBe('unresolved');
  expect(judged(['insert into t values (1)', 'commit'], { ...open, status: inTransaction })).toBe(
    'unresolved',
  );
});

it('a two-phase commit may have taken effect like any other (I-ROUTER-1)', () => {
  const asked = { isAsked: true, status: inTransaction };
  expect(judged(['insert into t values (1)'], asked)).toBe('transaction');
  expect(judged(["prepare transaction 'a'"], asked)).toBe('unresolved');
  expect(judged(["commit prepared 'a'"], { isAsked: true })).toBe('unresolved');
  expect(judged(['rollback'], asked)).toBe('transaction');
});
