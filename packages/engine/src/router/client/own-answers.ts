import type { Statement } from '../classify/classifier.ts';
import { commandComplete, readyForQuery } from '../protocol/build.ts';
import { frontend, transactionStatus } from '../protocol/codes.ts';
import type { CursorViolation } from '../protocol/cursor.ts';
import type { ServerConnection } from '../server/server-connection.ts';
import type { Flight } from './flight.ts';
import type { SessionView } from './session-view.ts';

/** Simple queries that the router answers itself, because only it knows what they are about. */

export function answerInFailedTransaction(session: SessionView, statement: Statement): true {
  const error = session.failedTransaction.end(statement);
  if (error === undefined) return session.refuseInFailedTransaction(true);
  if (error) return session.refuse(error, true);
  session.say(commandComplete('ROLLBACK'));
  const { isActive } = session.failedTransaction;
  session.say(readyForQuery(isActive ? transactionStatus.failed : transactionStatus.idle));
  return true;
}
/** DEALLOCATE of what the client has prepared through the protocol. @returns whether it was that */
export function deallocateHere(session: SessionView, { facts }: Statement): boolean {
  const { deallocates } = facts;
  if (deallocates === null || deallocates === 'all') return false;
  const status = session.server?.status ?? transactionStatus.idle;
  const isBusy = (session.server?.outstanding ?? 0) > 0;
  if (!session.named.get(deallocates.name) || isBusy || status === transactionStatus.failed) return false;
  session.named.remove(deallocates.name);
  session.say(commandComplete('DEALLOCATE'));
  session.say(readyForQuery(status));
  return true;
}

/** Nothing that comes after it can be understood. */
export function endAfterViolation(session: SessionView, { type, reason }: CursorViolation): void {
  const detail = reason === 'unknown_type' ? `type ${type}` : `(type ${type}, ${reason})`;
  session.fatal('08P01', `invalid frontend message ${detail}`);
}

/** Of a loss that came between two messages: what comes next is answered with it. */
export function payError(session: SessionView, type: number): true {
  const error = session.owedError;
  session.owedError = null;
  const isEnd = type === frontend.query || type === frontend.sync || type === frontend.functionCall;
  return error ? session.refuse(error, isEnd) : true;
}

/** Read-only transaction; temporary or unlogged table; something that recovery does not allow. */
const refusalsOfReplicas = new Set(['25006', '0A000', '55000']);
/** Of them, "cached plan must not change result type" says nothing of standbys: it is prepared anew the next time. */
const stalePlan = 'RevalidateCachedQuery';
/** A read that held up replay for too long. */
const conflictWithRecovery = '40001';

/** Whether an error says that this was the wrong server for a read, of which nothing has been forwarded. */
export function isWrongServer(
  server: ServerConnection | null,
  {
    flight,
    isPrimary,
    sqlState,
    routine,
  }: { flight: Flight; isPrimary: boolean; sqlState: string; routine: string },
): boolean {
  if (!server) return false;
  // PostgreSQL says that it is a standby, whatever the topology says: not to be asked again before that is settled.
  const isMistaken = isPrimary && sqlState === '25006' && server.parameters.get('in_hot_standby') === 'on';
  if (isMistaken) server.isDoomed = true;
  if (server.status !== transactionStatus.idle || !flight.canRepeat) return false;
  if (isPrimary) return isMistaken;
  const isRefusal = refusalsOfReplicas.has(sqlState);
  if (isRefusal && routine !== stalePlan) flight.refusedByReplica();
  return isRefusal || sqlState === conflictWithRecovery;
}
