import { expect as check, it } from 'vitest';
import { transactionStatus } from '../protocol/codes.ts';
import { expect } from '../server/expectations.ts';
import { FailedTransaction } from './failed-transaction.ts';
import { answerLoss, canTellOutcome } from './loss.ts';
import type { SessionView } from './session-view.ts';

const { query, parse, bind, describe, execute, sync, saidParse, injectedParse, copyEnd } = expect;

it('the outcome of a COMMIT says everything when nothing else was asked with it', () => {
  const alone = [
    [query],
    [parse, bind, describe, execute, sync],
    [bind, execute],
    [saidParse, bind, execute],
  ];
  for (const asked of [...alone, [injectedParse, bind, execute, sync]])
    check(canTellOutcome(asked), asked.join()).toBe(true);
  const more = [
    [query, query],
    [execute, sync, sync],
    [bind, execute, execute, sync],
    [execute, copyEnd],
  ];
  for (const asked of [...more, [parse, bind, sync], []])
    check(canTellOutcome(asked), asked.join()).toBe(false);
});

it('every request that was lost is answered once, and a client is ignored only up to a Sync that it has yet to send', () => {
  const answers = (asked: number[]) => {
    const said: string[] = [];
    const session = {
      ...{ pin: null, isSkipping: false, owedError: null, failedTransaction: new FailedTransaction() },
      context: { counters: { aborted: 0, unresolved: 0 } },
      wire: { flush: () => undefined },
      say: (bytes: Buffer) => said.push(bytes.toString('latin1', 0, 1)),
    } as unknown as SessionView;
    const { inTransaction: status } = transactionStatus;
    const loss = { status, asked, isAsked: true, isOpen: false, isSkipping: false };
    answerLoss(session, 'transaction', { ...loss, isCutMessage: false, detail: '' });
    return said.join('') + (session.isSkipping ? '…' : '');
  };
  check(answers([query])).toBe('EZ');
  check(answers([query, copyEnd])).toBe('EZ');
  check(answers([copyEnd, query, query])).toBe('EZEZ');
  check(answers([execute, copyEnd])).toBe('E…');
  check(answers([execute, copyEnd, sync, bind, sync])).toBe('EZEZ');
});
