import { type SocketPlace, withFreshConnection } from './connection.ts';
import { endClientSessions } from './promote.ts';

/** Who stood in the way. */
export type ReplayHold = 'paused' | 'sessions';

const holdSql = `
SELECT CASE WHEN pg_is_wal_replay_paused() THEN 'paused'
  WHEN EXISTS (SELECT FROM pg_stat_activity WHERE backend_type = 'startup'
    AND (wait_event LIKE 'RecoveryConflict%' OR wait_event_type IN ('BufferPin', 'Lock'))) THEN 'sessions' END AS hold
WHERE pg_is_in_recovery()`;

/**
 * Lets a standby's replay go on: a pause ends, and so do the sessions it waits for, however long they may usually take
 * (`max_standby_streaming_delay`, "Handling Query Conflicts").
 *
 * @returns null when nobody stood in the way
 */
export function freeReplay(place: SocketPlace, timeoutMs: number): Promise<ReplayHold | null> {
  return withFreshConnection(place, { what: 'letting replay go on', timeoutMs }, async (client) => {
    const { rows } = await client.query<{ hold: ReplayHold | null }>(holdSql);
    const hold = rows[0]?.hold ?? null;
    if (hold === 'paused') await client.query('SELECT pg_wal_replay_resume()');
    if (hold === 'sessions') await client.query(endClientSessions);
    return hold;
  });
}
