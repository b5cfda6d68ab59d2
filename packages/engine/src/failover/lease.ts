/**
 * Lease arithmetic (pure). The holder counts from when it *sent* the renewal that a Raft quorum confirmed; whoever
 * grants to another counts from *receipt*, plus drift: the holder's view always ends first. Times are CLOCK_MONOTONIC
 * milliseconds of the host that does the counting; they never cross a host.
 */

/** How much one host's monotonic clock may run slower than another's, as a fraction. */
export const clockDriftMax = 0.01;

/** When the holder of a confirmed renewal must have stopped. */
export function holderDeadlineMs(sentAtMs: number, leaseMs: number): number {
  return sentAtMs + leaseMs;
}

/**
 * From when on a granter may be sure that the former holder has stopped.
 *
 * @param lastReceiptMs when the last renewal that could have been confirmed arrived; a new Raft leader passes the
 *   moment it became leader, because an older leader may have confirmed one until then
 */
export function granterDeadlineMs(lastReceiptMs: number, leaseMs: number): number {
  return lastReceiptMs + leaseMs / (1 - clockDriftMax);
}

/**
 * What a renewal carries: for how many ms its sender has been without a confirmation, and of a candidate how far its replay
 * has come. Releases that know only the number take a candidate's for 0, which they do not ask about before it is open.
 */
export function renewalBody(unconfirmedForMs: number, replayLsn: string | null): string {
  const number = String(Math.round(unconfirmedForMs));
  return replayLsn === null ? number : `${number} ${replayLsn}`;
}

export function unconfirmedIn(body: string): number {
  const unconfirmedForMs = Number(body.split(' ')[0]);
  return Number.isFinite(unconfirmedForMs) ? unconfirmedForMs : 0;
}

/** Null: it does not say. */
export function replayedIn(body: string): string | null {
  return /^\d+ ([0-9A-F]{1,8}\/[0-9A-F]{1,8})$/.exec(body)?.[1] ?? null;
}
