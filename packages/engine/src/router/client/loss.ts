import type { CommitOutcome } from '../outcome/judge.ts';
import {
  bindComplete,
  closeComplete,
  commandComplete,
  errorResponse,
  noData,
  noParameters,
  type PostgresError,
  parseComplete,
  readyForQuery,
} from '../protocol/build.ts';
import { transactionStatus } from '../protocol/codes.ts';
import { expect } from '../server/expectations.ts';
import type { ServerLoss } from '../server/server-user.ts';
import type { LossVerdict } from './flight.ts';
import type { SessionView } from './session-view.ts';

/** Tells a client what has become of what it asked, when its server was lost and asking again would not be right. */
export function answerLoss(session: SessionView, verdict: LossVerdict, loss: ServerLoss): void {
  const { counters } = session.context;
  if (verdict === 'cut') {
    // Whatever is said now would be read as the rest of that message.
    session.wire.destroy(null);
    return;
  }
  if (session.pin !== null) {
    const why = `the server this session was tied to (${session.pin}) is gone: ${loss.detail}`;
    endFor(session, verdict, why);
    return;
  }
  session.isSkipping = loss.isSkipping;
  if (verdict === 'nothing') return;
  if (verdict === 'unresolved') counters.unresolved++;
  else counters.aborted++;
  const error = errorOf(verdict, loss);
  const isUntold = loss.asked.length === 0;
  if (verdict === 'transaction') session.failedTransaction.begin(isUntold ? error : null);
  // Said in answer to what comes next: a driver that waits for nothing would not take it for the answer to its Sync.
  else if (isUntold) session.owedError = error;
  sayForEach(session, loss.asked, error);
  session.wire.flush();
}

/** The end of a session that cannot go on elsewhere. What may have been committed is not called merely interrupted. */
export function endFor(session: SessionView, verdict: LossVerdict, why: string): void {
  if (verdict === 'unresolved') {
    session.context.counters.unresolved++;
    session.fatal('08007', `${why}; whether what it was committing took effect is unknown`);
  } else session.fatal('57P01', why);
}

/** One error for every request that was not answered, in the form its protocol wants. */
function sayForEach(session: SessionView, asked: readonly number[], error: PostgresError): void {
  const status = session.failedTransaction.isActive ? transactionStatus.failed : transactionStatus.idle;
  let isSaid = false;
  for (const kind of asked) {
    // It has no answer of its own.
    if (kind === expect.copyEnd) continue;
    if (!isSaid) session.say(errorResponse(error));
    isSaid = true;
    if (kind !== expect.query && kind !== expect.sync) continue;
    session.say(readyForQuery(status));
    isSaid = false;
  }
  // The Sync of these has not come yet.
  if (isSaid) session.isSkipping = true;
}

/** Whether what was not answered is one COMMIT and what belongs to it: only then its outcome says everything. */
export function canTellOutcome(asked: readonly number[]): boolean {
  const count = (...kinds: number[]) => asked.filter((kind) => kinds.includes(kind)).length;
  const isKnown = asked.every((kind) => answersToCommit.has(kind));
  return isKnown && count(expect.query, expect.execute) === 1 && count(expect.query, expect.sync) <= 1;
}

const answersToCommit = new Map<number, Buffer>([
  [expect.query, Buffer.concat([commandComplete('COMMIT'), readyForQuery(transactionStatus.idle)])],
  [expect.sync, readyForQuery(transactionStatus.idle)],
  [expect.parse, parseComplete],
  [expect.saidParse, parseComplete],
  [expect.bind, bindComplete],
  [expect.describe, noData],
  [expect.execute, commandComplete('COMMIT')],
  [expect.close, closeComplete],
  [expect.saidClose, closeComplete],
  [expect.injectedParse, Buffer.alloc(0)],
  [expect.injectedClose, Buffer.alloc(0)],
]);

/** Says what the lost server would have said, or why it is not so. */
export function tellOutcome(session: SessionView, outcome: CommitOutcome, loss: ServerLoss): void {
  const { context, flight } = session;
  if (outcome === 'unknown') {
    answerLoss(session, 'unresolved', loss);
    return;
  }
  context.counters.resolved++;
  if (outcome === 'rolled-back') {
    sayForEach(session, loss.asked, errorOf('statement', loss));
  } else {
    // Of another primary than when the loss was noted, and perhaps of definitions.
    context.wrote(true);
    session.named.settled();
    for (const kind of loss.asked) {
      if (kind === expect.describe && flight.describesStatement) session.say(noParameters);
      session.say(answersToCommit.get(kind) ?? Buffer.alloc(0));
    }
  }
  session.wire.flush();
}

function errorOf(verdict: LossVerdict, loss: ServerLoss): PostgresError {
  if (verdict === 'unresolved') {
    return {
      severity: 'ERROR',
      sqlState: '08007',
      message: 'the connection to the primary was lost while this was being committed',
      detail: `Whether it took effect is unknown (${loss.detail}).`,
      hint: 'Look before doing it again.',
    };
  }
  return {
    severity: 'ERROR',
    sqlState: '40001',
    message: 'the connection to the server was lost; nothing of this transaction has taken effect',
    detail: loss.detail,
    hint: 'Run the transaction again.',
  };
}
