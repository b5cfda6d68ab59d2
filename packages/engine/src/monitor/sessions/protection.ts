import type { Session } from '../../contract/sessions.ts';
import { replicationRole, superuserRole } from '../../postgres/layout.ts';

/** What a session is, and whether it may be ended (pure). */

export const ownRoles: readonly string[] = [superuserRole, replicationRole];
/** The kinds of backends that are ended at all, as pg_stat_activity names them. */
export const endableBackends: readonly string[] = ['client backend', 'autovacuum worker'];
export const standbyWait = 'SyncRep';

export function kindOf(backendType: string, user: string | null): Session['kind'] {
  if (backendType === 'walsender') return 'replication';
  if (backendType === 'autovacuum worker') return 'autovacuum';
  if (backendType !== 'client backend') return 'server';
  return user !== null && ownRoles.includes(user) ? 'own' : 'client';
}

/** @returns null when it may be ended */
export function protectedBecause(
  kind: Session['kind'],
  { waitEvent, leaderPid }: { waitEvent: string | null; leaderPid: number | null },
): string | null {
  switch (kind) {
    case 'own':
      return 'It is QuantaDB’s own.';
    case 'replication':
      return 'It sends WAL to a standby or another reader: remove that one instead.';
    case 'server':
      return leaderPid === null
        ? 'It is a process of PostgreSQL itself.'
        : `It works for session ${leaderPid}: end that one.`;
    default:
      break;
  }
  // Given up, the wait would end with a COMMIT that only this node has (SyncRepWaitForLSN in PostgreSQL's syncrep.c).
  if (waitEvent === standbyWait)
    return 'Its commit waits for the standbys: ended now, it would count although only this node has it.';
  return null;
}
