import { oversize } from '../classify/classifier.ts';
import { headerBytes } from '../protocol/codes.ts';
import { expect } from '../server/expectations.ts';
import { noteStatement } from './note-statement.ts';
import { answerInFailedTransaction, deallocateHere } from './own-answers.ts';
import type { SessionView } from './session-view.ts';

/** What is answered up to a ReadyForQuery. Each returns false when there is no server for it yet: the same message comes again then. */

export function acceptQuery(session: SessionView): boolean {
  const { buffer, start, end, isLast } = session.cursor;
  const statement = isLast ? session.classify(buffer, start + headerBytes, end - 1) : oversize;
  if (session.failedTransaction.isActive) return answerInFailedTransaction(session, statement);
  if (statement.facts.kind === 'deallocate' && deallocateHere(session, statement)) return true;
  // A simple Query ends the unnamed statement.
  session.unnamed = null;
  if (session.shared.begin(statement)) return true;
  if (!session.needServer(statement) || !session.commits.mayPass(statement)) return false;
  const { server } = session;
  if (!server) return true;
  server.unnamed = null;
  noteStatement(session, statement);
  session.flight.keep(buffer, start, end);
  server.send(expect.query, buffer, start, end);
  return true;
}

export function acceptFunctionCall(session: SessionView): boolean {
  if (session.failedTransaction.isActive) return session.refuseInFailedTransaction(true);
  if (!session.needServer(null)) return false;
  const { buffer, start, end } = session.cursor;
  session.flight.askedUnknown();
  session.server?.send(expect.query, buffer, start, end);
  return true;
}
