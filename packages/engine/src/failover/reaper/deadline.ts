import type { ArmAnswer } from './protocol.ts';

/** When PostgreSQL must be gone. `killing` lasts until every process is dead; nothing calls it off. */
export type DeadlineState =
  | { kind: 'disarmed' }
  | { kind: 'armed'; deadlineMs: number }
  | { kind: 'killing'; deadlineMs: number | null };

/** One look at the clock. All times are CLOCK_MONOTONIC milliseconds. */
export interface Moment {
  nowMs: number;
  /** How long before the deadline the kill begins, so that it has ended at the deadline. */
  killAheadMs: number;
}

/** A lease lasts seconds: a deadline further away was not taken from CLOCK_MONOTONIC. */
export const maxDeadlineAheadMs = 10 * 60_000;

export const disarmed: DeadlineState = { kind: 'disarmed' };

/**
 * Moves the deadline forward, never back. A kill that is due has begun, even when its timer is late: a deadline that
 * arrives after that moment cannot save the postmaster.
 */
export function arm(
  state: DeadlineState,
  deadlineMs: number,
  moment: Moment,
): { state: DeadlineState; answer: ArmAnswer } {
  if (state.kind === 'killing' || isKillDue(state, moment)) {
    return { state: beginKill(state), answer: { ok: false, reason: 'killing' } };
  }
  if (deadlineMs - moment.killAheadMs <= moment.nowMs) {
    return { state, answer: { ok: false, reason: 'too_late' } };
  }
  const current = state.kind === 'armed' ? state.deadlineMs : deadlineMs;
  return { state: { kind: 'armed', deadlineMs: Math.max(current, deadlineMs) }, answer: { ok: true } };
}

/** Lets go of the deadline; refused while a postmaster runs, which only the deadline keeps honest. */
export function disarm(
  state: DeadlineState,
  postmasterRuns: boolean,
): { state: DeadlineState; answer: { ok: boolean } } {
  if (postmasterRuns || state.kind === 'killing') return { state, answer: { ok: false } };
  return { state: disarmed, answer: { ok: true } };
}

export function isKillDue(state: DeadlineState, { nowMs, killAheadMs }: Moment): boolean {
  return state.kind === 'armed' && nowMs >= state.deadlineMs - killAheadMs;
}

/** Milliseconds until the kill begins (0 when it is due); null when no kill is planned. */
export function untilKillMs(state: DeadlineState, { nowMs, killAheadMs }: Moment): number | null {
  return state.kind === 'armed' ? Math.max(0, state.deadlineMs - killAheadMs - nowMs) : null;
}

export function beginKill(state: DeadlineState): DeadlineState {
  return { kind: 'killing', deadlineMs: state.kind === 'disarmed' ? null : state.deadlineMs };
}
