import type { Consumer } from '../postgres/consumers.ts';
import { lsnDistanceBytes } from '../postgres/lsn.ts';
import type { ServerSample } from '../postgres/sample.ts';
import { followersOfSlots } from '../replication/follower-slots.ts';
import type { LagRing } from '../replication/lag.ts';
import type { StandbyMemory } from '../replication/standby-memory.ts';
import type { Observation } from './database.ts';

const heldBackWithinMs = 3000;

/** Whether replay waits on purpose: between two commits whose time has come it does not, for a moment. */
export class HoldMemory {
  private heldAtMs = Number.NEGATIVE_INFINITY;

  look({ isDelaying, isReplayPaused }: ServerSample, atMs: number): boolean {
    if (isDelaying || isReplayPaused) this.heldAtMs = atMs;
    return atMs - this.heldAtMs <= heldBackWithinMs;
  }
}

/** From one look at the server to what the agent goes by: lag is counted here, and who has just gone is remembered. */
export function observationOf(
  sample: ServerSample,
  known: {
    clients: Observation['clients'];
    atMs: number;
    lag: LagRing;
    memory: StandbyMemory;
    cancelledWaits: number;
    hold: HoldMemory;
    impostors: Consumer[];
  },
): Observation {
  const { lsn } = sample;
  const { atMs, lag, memory } = known;
  const expected = sample.isInRecovery ? [] : followersOfSlots(sample.slots);
  return {
    inRecovery: sample.isInRecovery,
    version: sample.version,
    timeline: sample.timeline,
    lsn,
    replayLsn: sample.replayLsn,
    receiverStatus: sample.receiver?.status ?? null,
    sender: senderOf(sample),
    isHeldBack: known.hold.look(sample, atMs),
    lastCommitMs: sample.lastCommitMs,
    clients: known.clients,
    synchronousStandbyNames: sample.synchronousStandbyNames,
    pendingRestart: sample.pendingRestart,
    unguarded: sample.unguarded,
    cancelledWaits: known.cancelledWaits,
    impostors: known.impostors,
    standbys: memory.complete(sample.standbys.map(withoutLag), expected).map((standby) => ({
      ...standby,
      lagBytes: lsn && standby.replayLsn ? Math.max(0, lsnDistanceBytes(lsn, standby.replayLsn)) : null,
      lagMs: lsn && standby.replayLsn ? lag.lagMs(standby.replayLsn, { lsn, atMs }) : null,
    })),
  };
}

function senderOf({ receiver }: ServerSample): Observation['sender'] {
  if (receiver?.senderHost == null || receiver.senderPort === null) return null;
  return { host: receiver.senderHost, port: receiver.senderPort };
}

function withoutLag({ name, state, sync, writeLsn, flushLsn, replayLsn }: ServerSample['standbys'][number]) {
  return { name, state, sync, writeLsn, flushLsn, replayLsn };
}
