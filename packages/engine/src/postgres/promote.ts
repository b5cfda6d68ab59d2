import { setTimeout as delay } from 'node:timers/promises';
import { systemClock } from '../shared/clock.ts';
import { messageOf, QuantaError } from '../shared/errors.ts';
import { withFreshConnection } from './connection.ts';
import { readControlData } from './control-data.ts';
import { localTimelines, plantHistories, readForkLsn, readHistories } from './history-files.ts';
import { type NodePlace, replicationRole, superuserRole } from './layout.ts';
import { writeStandbySignal } from './settings-files.ts';

export interface PromoteRequest {
  /** As allocated by the grant. */
  timeline: number;
  /** Without the replay of what is there moving on. */
  deadlineMs: number;
  /** PostgreSQL goes on with a promotion that was triggered, whoever stops waiting for it. */
  signal?: AbortSignal;
}

export interface Promotion {
  timeline: number;
  /** Where the new timeline leaves its parent, from the history file PostgreSQL wrote. */
  forkLsn: string;
  /** The first transaction id the new reign may hand out: an id at or above it that an old primary gave is lost. */
  nextXid: string;
  tookMs: number;
}

interface PromotionState {
  recovery: boolean;
  walfile: string | null;
  replayed: string | null;
  next_xid: string;
}

/**
 * Turns a standby into the primary of one given timeline. Gaps below that timeline are filled first, because PostgreSQL
 * takes the lowest number without a history file; and client sessions end first, and again until it is done, because a
 * query that conflicts with replay holds up the promotion (27 s were seen).
 *
 * @throws QuantaError REFUSED (timeline taken; nothing was begun), POSTGRES_FAILED (it became something else),
 *   DEADLINE_EXCEEDED, or the signal's reason
 */
export async function promoteServer(place: NodePlace, request: PromoteRequest): Promise<Promotion> {
  const startMs = systemClock.monotonicMs();
  const remainingMs = () => request.deadlineMs - (systemClock.monotonicMs() - startMs);
  const control = await readControlData(place);
  const newest = localTimelines(control.checkpointTimeline, await readHistories(place.dataDir))[0];
  const current = newest?.timeline ?? control.checkpointTimeline;
  await plantHistories(place, { current, target: request.timeline });
  await ask(place, remainingMs(), `${endClientSessions}; SELECT pg_promote(false)`);
  const state = await waitForPromotion(place, request);
  // Before anything else: from here on a crash must not bring this server back as a primary without a lease.
  await writeStandbySignal(place);
  const timeline = Number.parseInt((state.walfile ?? '').slice(0, 8), 16);
  if (timeline !== request.timeline) {
    throw new QuantaError(
      'POSTGRES_FAILED',
      `promotion took timeline ${timeline} instead of ${request.timeline}`,
      {
        hint: 'This server must be stopped: another one may use the same timeline.',
      },
    );
  }
  return {
    timeline,
    forkLsn: await readForkLsn(place.dataDir, timeline),
    nextXid: state.next_xid,
    tookMs: systemClock.monotonicMs() - startMs,
  };
}

/** Of a standby, but for QuantaDB's own. */
export const endClientSessions = `
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE pg_is_in_recovery() AND backend_type = 'client backend'
  AND usename NOT IN ('${superuserRole}', '${replicationRole}')`;

const promotionStateSql = `
SELECT recovery, CASE WHEN recovery THEN NULL ELSE pg_walfile_name(pg_current_wal_insert_lsn()) END AS walfile,
  pg_last_wal_replay_lsn()::text AS replayed,
  CASE WHEN recovery THEN '' ELSE pg_snapshot_xmax(pg_current_snapshot())::text END AS next_xid
FROM (SELECT pg_is_in_recovery() AS recovery) s`;

const renewEveryMs = 1000;

/** A replay that moves on is waited for, however long it takes. */
async function waitForPromotion(
  place: NodePlace,
  { deadlineMs, signal }: PromoteRequest,
): Promise<PromotionState> {
  const seen = { replayed: '', advancedAtMs: systemClock.monotonicMs() };
  for (;;) {
    const leftMs = Math.max(1, seen.advancedAtMs + deadlineMs - systemClock.monotonicMs());
    const options = { what: 'promotion', timeoutMs: leftMs, signal };
    const renewFromMs = systemClock.monotonicMs() + Math.min(leftMs / 2, renewEveryMs);
    const state = await withFreshConnection(place, options, async (client) => {
      for (;;) {
        const { rows } = await client.query<PromotionState>(promotionStateSql);
        const state = rows[0];
        if (state && !state.recovery) return state;
        const replayed = state?.replayed ?? '';
        if (replayed !== seen.replayed)
          Object.assign(seen, { replayed, advancedAtMs: systemClock.monotonicMs() });
        // The next connection has the whole deadline again.
        if (seen.advancedAtMs > renewFromMs) return null;
        await client.query(endClientSessions);
        await delay(10, undefined, { signal });
      }
    });
    if (state) return state;
  }
}

/** After a promotion the checkpoint is what lets others rewind to this server and shortens its next recovery. */
export async function checkpointInBackground(
  place: NodePlace,
  timeoutMs: number,
): Promise<{ ok: boolean; detail: string }> {
  try {
    await ask(place, timeoutMs, 'CHECKPOINT');
    return { ok: true, detail: '' };
  } catch (error) {
    return { ok: false, detail: messageOf(error) };
  }
}

async function ask(place: NodePlace, timeoutMs: number, sql: string): Promise<void> {
  const options = { what: sql.trim().split('\n').at(-1) ?? 'a statement', timeoutMs: Math.max(1, timeoutMs) };
  await withFreshConnection(place, options, (client) => client.query(sql));
}
