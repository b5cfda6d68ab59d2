import { errorResponse, readFields } from '../protocol/build.ts';
import type { Run } from './run.ts';
import type { ServerUser } from './server-user.ts';

/** In PostgreSQL's syncrep.c; a name of its source, whatever language its messages are in. */
const waitingRoutine = 'SyncRepWaitForLSN';

/**
 * Whether a NoticeResponse says that a commit has stopped waiting for standbys: somebody has cancelled it. PostgreSQL goes on
 * as if it had succeeded, though the next primary may not have it (pure).
 */
export function isCancelledWait(buffer: Buffer, start: number, end: number): boolean {
  // A look at the bytes is all that most notices cost.
  if (!buffer.subarray(start, end).includes(waitingRoutine)) return false;
  return readFields(buffer, start, end).get('R') === waitingRoutine;
}

/** Instead of the success that PostgreSQL tells. */
const cancelledWait = errorResponse({
  severity: 'ERROR',
  sqlState: '08007',
  message: 'the wait of this commit for standbys was cancelled',
  detail: 'The primary has committed it; whether a standby has it is unknown, so a failover may undo it.',
  hint: 'Look before doing it again.',
});

/** Ends the answer with that: what follows is told as success, and may not be one. */
export function tellDoubt(run: Run, user: ServerUser | null): void {
  if (!run.isMuted) user?.failed('08007');
  run.sayLast(cancelledWait, user);
}
