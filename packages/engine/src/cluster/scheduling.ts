import type { ClusterState } from '../contract/cluster-state.ts';
import type { Schedulable, Scheduled, ScheduleRequest } from '../contract/schedule.ts';
import { momentWords } from '../shared/words.ts';
import type { CommandOf, CommandResult } from './commands.ts';
import type { Draft } from './draft.ts';
import type { PlanBody } from './plan-body.ts';

/** Operations that wait for their time: what is agreed on, in words, and when they are due (pure). */

export const scheduledMax = 20;
const aheadMsMax = 90 * 24 * 3_600_000;

export function scheduleWords(request: Schedulable): string {
  switch (request.kind) {
    case 'switchover':
      return request.to === null ? 'a switchover' : `a switchover to ${request.to}`;
    case 'restart-node':
      return `a restart of ${request.node}`;
    case 'rolling-restart':
      return 'a restart of every node';
    case 'restart-daemons':
      return 'a replacement of every daemon';
    case 'upgrade-postgres':
      return 'an upgrade of PostgreSQL';
  }
}

/** @param now what the operation would be if it were asked for now */
export function planSchedule(
  given: { state: ClusterState | null; nowMs: number },
  base: PlanBody,
  request: Extract<ScheduleRequest, { kind: 'schedule-operation' }>,
  now: PlanBody,
): PlanBody {
  const { atMs, withinMinutes } = request;
  const others = given.state?.scheduled ?? [];
  return {
    ...base,
    summary: `At ${momentWords(atMs)}, or within ${withinMinutes} minutes of it: ${now.summary}`,
    writePause: now.writePause,
    quorumAfter: now.quorumAfter,
    warnings: [
      ...now.warnings,
      ...(now.refusal ? [`As things are now it would be refused: ${now.refusal}`] : []),
    ],
    refusal: base.refusal ?? whyNotScheduled(others, request, given.nowMs),
  };
}

function whyNotScheduled(
  others: readonly Scheduled[],
  { atMs }: { atMs: number },
  nowMs: number,
): string | null {
  if (atMs <= nowMs) return `${momentWords(atMs)} is over: give a time that is still to come.`;
  if (atMs > nowMs + aheadMsMax) return 'That is more than 90 days ahead.';
  if (others.length >= scheduledMax) return `${scheduledMax} operations wait already: take one back first.`;
  return null;
}

export function planUnschedule(state: ClusterState | null, base: PlanBody, id: string): PlanBody {
  const found = state?.scheduled?.find((each) => each.id === id);
  const summary = found
    ? `Take back ${scheduleWords(found.request)}, which waits for ${momentWords(found.atMs)}.`
    : 'Take back what waits.';
  const refusal = found ? null : `Nothing with the id ${id} waits: see quantadb scheduled.`;
  return { ...base, summary, refusal: base.refusal ?? refusal };
}

export function schedule(draft: Draft, { entry }: CommandOf<'schedule'>): CommandResult {
  const { state } = draft;
  const others = state.scheduled ?? [];
  if (others.some(({ id }) => id === entry.id)) return { ok: true };
  if (others.length >= scheduledMax) return { ok: false, reason: `${scheduledMax} operations wait already` };
  state.scheduled = [...others, entry].sort((one, other) => one.atMs - other.atMs);
  const words = `${entry.requestedBy} has scheduled ${scheduleWords(entry.request)} for ${momentWords(entry.atMs)}.`;
  draft.event('info', 'scheduled', words);
  return { ok: true };
}

/** By a person, or by the decider, which says why it could not begin. */
export function unschedule(draft: Draft, { id, by, why }: CommandOf<'unschedule'>): CommandResult {
  const { state } = draft;
  const entry = state.scheduled?.find((each) => each.id === id);
  if (!entry) return { ok: true };
  forgetScheduled(draft, id);
  const what = `${scheduleWords(entry.request)}, scheduled for ${momentWords(entry.atMs)}`;
  if (why === null) draft.event('info', 'unscheduled', `${by} took back ${what}.`);
  else draft.event('warning', 'schedule-missed', `Not begun: ${what} by ${entry.requestedBy}. ${why}`);
  return { ok: true };
}

/** The operation that it has become is in the same command: nothing begins twice. */
export function forgetScheduled(draft: Draft, id: string): void {
  const { state } = draft;
  if (state.scheduled?.some((each) => each.id === id))
    state.scheduled = state.scheduled.filter((each) => each.id !== id);
}

export type Due = { kind: 'none' } | { kind: 'begin'; entry: Scheduled } | { kind: 'late'; entry: Scheduled };

/** One at a time, the earliest first; while something else runs it waits, and in the end is late. */
export function dueOf(state: Pick<ClusterState, 'scheduled' | 'operation' | 'failover'>, nowMs: number): Due {
  const entry = state.scheduled?.[0];
  if (!entry || entry.atMs > nowMs) return { kind: 'none' };
  if (nowMs > entry.atMs + entry.withinMinutes * 60_000) return { kind: 'late', entry };
  const isBusy = state.operation !== null || (state.failover !== null && state.failover.state !== 'REJOIN');
  return isBusy ? { kind: 'none' } : { kind: 'begin', entry };
}
