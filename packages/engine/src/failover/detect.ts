import type { FailoverTiming } from './timing.ts';

/** When a primary counts as lost (pure). Its lease renewals are its heartbeat; they stop with the host, the daemon, or PostgreSQL. */

export interface DetectInput {
  nowMs: number;
  primary: string | null;
  /** When the last renewal of this epoch arrived here; null when none has. */
  lastRenewalMs: number | null;
  /** What that renewal said: for how long no confirmation has reached the primary. */
  unconfirmedForMs: number;
  /** When the replay of a candidate was last seen to move on; null when it was not. */
  advancedAtMs: number | null;
  /** Since when this leader could have received one. */
  watchedSinceMs: number;
  /** For how long since then this decider could not have noticed one: its own process stood still. */
  heldUpMs: number;
  /** What the primary's own daemon said, if it reported its PostgreSQL lost. */
  reportedLost: string | null;
  /** Until when the primary's daemon has said that it is being replaced; null when it has not, or is back. */
  restartsUntilMs: number | null;
  /** Whether the reign has been opened; a candidate that is still taking over gets longer. */
  isRecorded: boolean;
  timing: FailoverTiming;
}

export type Suspicion =
  | { kind: 'well' }
  /** It is heard, but does not hear this decider: its lease runs out unless somebody else decides. */
  | { kind: 'deaf'; reason: string }
  | { kind: 'lost'; reason: string; silentForMs: number | null; isCertain: boolean };

export function suspect(input: DetectInput): Suspicion {
  const { timing } = input;
  const who = input.primary ?? 'nobody';
  if (input.reportedLost !== null) {
    return {
      kind: 'lost',
      reason: `${who} reports: ${input.reportedLost}.`,
      silentForMs: null,
      isCertain: true,
    };
  }
  if (input.restartsUntilMs !== null && input.nowMs < input.restartsUntilMs) return { kind: 'well' };
  const heardMs = Math.max(input.lastRenewalMs ?? 0, input.watchedSinceMs);
  const silentForMs = Math.round(input.nowMs - heardMs - input.heldUpMs);
  if (silentForMs > timing.suspectAfterMs) {
    const reason = `No heartbeat from the primary ${who} for ${silentForMs} ms.`;
    return { kind: 'lost', reason, silentForMs, isCertain: false };
  }
  // However much it has to replay: as long as that moves on, whoever came after it would have to do the same.
  const movedAtMs = Math.max(input.watchedSinceMs, input.advancedAtMs ?? 0);
  if (!input.isRecorded && input.nowMs - movedAtMs > timing.takeoverDeadlineMs) {
    const reason = `${who} was granted the reign but did not open it within ${timing.takeoverDeadlineMs} ms.`;
    return { kind: 'lost', reason, silentForMs, isCertain: true };
  }
  const { unconfirmedForMs } = input;
  const isWatchedLongEnough = input.nowMs - input.watchedSinceMs > timing.suspectAfterMs;
  if (input.isRecorded && isWatchedLongEnough && unconfirmedForMs > timing.leaseMs / 2) {
    const reason = `${who} has heard no confirmation of its lease for ${unconfirmedForMs} ms.`;
    return { kind: 'deaf', reason };
  }
  return { kind: 'well' };
}
