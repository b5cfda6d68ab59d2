import type { WalPosition } from '../contract/cluster-state.ts';
import { systemClock } from '../shared/clock.ts';
import { messageOf } from '../shared/errors.ts';
import { closeArchive } from './archive-wrapper.ts';
import { type SocketPlace, withFreshConnection } from './connection.ts';
import { withdrawReceiverKeys } from './host-certificates.ts';
import type { NodePlace } from './layout.ts';
import { countReceivers, endReceivers } from './receiver.ts';
import { exactEndOfWal } from './wal-end.ts';

export type SealResult = { ok: true; position: WalPosition; tookMs: number } | { ok: false; reason: string };

/** The first half of sealing: nothing is archived any more, and no new receiver gets in anywhere. */
export async function closeWays(place: NodePlace): Promise<void> {
  await closeArchive(place, 'sealed');
  await withdrawReceiverKeys(place);
}

/**
 * The second half of sealing, after the settings name no upstream, the receiver's key is withdrawn and the postmaster
 * has been told to reload: ends the receiver's process, and only then reads where the WAL ends. From the return on
 * this node acknowledges nothing any more.
 */
export async function sealReceiver(
  place: NodePlace,
  postmasterPid: number | null,
  timeoutMs: number,
): Promise<SealResult> {
  const startMs = systemClock.monotonicMs();
  const remainingMs = () => Math.max(1, timeoutMs - (systemClock.monotonicMs() - startMs));
  try {
    if (postmasterPid === null) {
      const position = await exactEndOfWal({ place, replayLsn: null, timeoutMs: remainingMs() });
      return { ok: true, position, tookMs: systemClock.monotonicMs() - startMs };
    }
    // Only where reading begins: it may be an older one.
    const asking = askReplay(place, remainingMs());
    const ended = await endReceivers(postmasterPid, remainingMs());
    const replay = await asking;
    if (!ended.ok) return ended;
    if (replay.kind === 'primary') return { ok: false, reason: 'this server is a primary' };
    const position = await exactEndOfWal({ place, replayLsn: replay.lsn, timeoutMs: remainingMs() });
    if ((await countReceivers(postmasterPid)) > 0) return { ok: false, reason: 'a WAL receiver came back' };
    return { ok: true, position, tookMs: systemClock.monotonicMs() - startMs };
  } catch (error) {
    return { ok: false, reason: messageOf(error) };
  }
}

export type ReplayAnswer = { kind: 'standby'; lsn: string | null } | { kind: 'primary' };

/**
 * How far the server has replayed, to begin reading there. A server that cannot be asked (it is still recovering, or
 * all connections are taken) is no obstacle: its WAL is read from the last checkpoint instead.
 */
export async function askReplay(place: SocketPlace, timeoutMs: number): Promise<ReplayAnswer> {
  try {
    const options = { what: 'asking for the replay position', timeoutMs: Math.max(1, timeoutMs / 2) };
    return await withFreshConnection(place, options, async (client) => {
      const { rows } = await client.query<{ recovery: boolean; lsn: string | null }>(
        'SELECT pg_is_in_recovery() AS recovery, pg_last_wal_replay_lsn() AS lsn',
      );
      return rows[0]?.recovery === false
        ? { kind: 'primary' }
        : { kind: 'standby', lsn: rows[0]?.lsn ?? null };
    });
  } catch {
    return { kind: 'standby', lsn: null };
  }
}
