import type pg from 'pg';
import type { EndSession, SessionOutcome } from '../../contract/sessions.ts';
import { pollUntil } from '../../shared/deadline.ts';
import { QuantaError } from '../../shared/errors.ts';
import { endableBackends, kindOf, ownRoles, protectedBecause, standbyWait } from './protection.ts';
import { startedSql } from './session-list.ts';

const watchMs = 2_000;
const lookEveryMs = 50;

const lookSql = `
SELECT backend_type, usename, leader_pid, wait_event, state, query_start::text AS statement
FROM pg_stat_activity WHERE pid = $1 AND ${startedSql} = $2::bigint`;

// What must hold is checked again where the signal is sent, by the server itself.
const signalSql = (how: EndSession['how']) => `
SELECT ${how === 'cancel' ? 'pg_cancel_backend' : 'pg_terminate_backend'}(pid) AS sent
FROM pg_stat_activity
WHERE pid = $1 AND ${startedSql} = $2::bigint AND backend_type = ANY ($3) AND coalesce(usename, '') <> ALL ($4)
  AND wait_event IS DISTINCT FROM $5`;

interface Look {
  backend_type: string;
  usename: string | null;
  leader_pid: number | null;
  wait_event: string | null;
  state: string | null;
  statement: string | null;
}

/**
 * Cancels the statement of a session or ends it, if it is still the one that was meant and nothing that the cluster lives on.
 *
 * @throws QuantaError REFUSED with the reason, or whatever the queries throw
 */
export async function endSession(
  client: Pick<pg.Client, 'query'>,
  { pid, startedAt, how }: EndSession,
): Promise<SessionOutcome> {
  const look = async () => (await client.query<Look>(lookSql, [pid, startedAt])).rows[0];
  const before = await look();
  if (!before) return 'was-gone';
  const kind = kindOf(before.backend_type, before.usename);
  const because = protectedBecause(kind, { waitEvent: before.wait_event, leaderPid: before.leader_pid });
  if (because) throw new QuantaError('REFUSED', `session ${pid} is not ended: ${because}`);
  if (how === 'cancel' && !isWorking(before)) return 'ran-nothing';
  const values = [pid, startedAt, endableBackends, ownRoles, standbyWait];
  const { rows } = await client.query<{ sent: boolean }>(signalSql(how), values);
  if (rows[0]?.sent !== true) return afterNoSignal(pid, await look());
  const isOver = async () => {
    const now = await look();
    if (!now) return true;
    const gaveUp = !isWorking(now) || now.statement !== before.statement;
    return how === 'cancel' && gaveUp ? true : undefined;
  };
  const what = 'the session has ended';
  const over = await pollUntil(isOver, { what, timeoutMs: watchMs, intervalMs: lookEveryMs }).catch(
    (error: unknown) => {
      if (error instanceof QuantaError && error.code === 'DEADLINE_EXCEEDED') return false;
      throw error;
    },
  );
  return over ? 'ended' : 'asked';
}

/** It may run anything while PostgreSQL is told not to track it. */
function isWorking({ state, backend_type }: Look): boolean {
  return backend_type !== 'client backend' || state === null || !/^idle/.test(state);
}

function afterNoSignal(pid: number, now: Look | undefined): SessionOutcome {
  if (!now) return 'was-gone';
  throw new QuantaError('REFUSED', `session ${pid} came to wait for the standbys meanwhile: try again`);
}
