import { withFreshConnection } from './connection.ts';
import type { NodePlace } from './layout.ts';

/**
 * A position of WAL after which commits wait as the settings say, which were reloaded before.
 *
 * The checkpointer is who tells all backends that commits must wait at all. When the setting was empty before, it must
 * have read the new one too; a checkpoint it completes is the proof (CheckpointerMain reads the settings first).
 */
export async function positionAfterChange(
  place: NodePlace,
  needsBarrier: boolean,
  timeoutMs: number,
): Promise<string> {
  const options = { what: 'confirming the synchronous settings', timeoutMs };
  return withFreshConnection(place, options, async (client) => {
    if (needsBarrier) await client.query('CHECKPOINT');
    const { rows } = await client.query<{ lsn: string | null }>(
      'SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_insert_lsn() END AS lsn',
    );
    return rows[0]?.lsn ?? '0/0';
  });
}
