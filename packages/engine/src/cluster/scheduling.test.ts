import { describe, expect, it } from 'vitest';
import type { ClusterState, Operation } from '../contract/cluster-state.ts';
import type { Scheduled } from '../contract/schedule.ts';
import { demoState } from '../testing/demo-state.ts';
import type { Command } from './commands.ts';
import { planOf } from './plan.ts';
import { dueOf, scheduledMax } from './scheduling.ts';
import { apply } from './state.ts';

const minuteMs = 60_000;
const entry = (id: string, atMs: number): Scheduled => ({
  ...{ id, atMs, withinMinutes: 30, requestedBy: 'ann', reason: 'Sunday' },
  request: { kind: 'switchover', to: 'node-2' },
});

function applied(state: ClusterState, command: Command): ClusterState {
  const { state: next, result } = apply(state, command, 1000);
  if (!result.ok) throw new Error(result.reason);
  return next ?? state;
}

const withTwo = () =>
  [entry('later', 90 * minuteMs), entry('sooner', 60 * minuteMs)].reduce(
    (state, each) => applied(state, { kind: 'schedule', entry: each }),
    demoState(),
  );

const operationOf = (id: string): Operation => ({
  ...{ id, kind: 'switchover', state: 'running', params: {}, requestedBy: 'ann', reason: '', steps: [] },
  ...{ error: null, startedAtMs: 0, endedAtMs: null },
});

describe('what waits for its time', () => {
  it('is due the earliest first, waits while something else runs, and is late in the end', () => {
    const state = withTwo();
    expect(dueOf(state, 59 * minuteMs)).toEqual({ kind: 'none' });
    expect(dueOf(state, 60 * minuteMs)).toMatchObject({ kind: 'begin', entry: { id: 'sooner' } });
    const busy = { ...state, operation: operationOf('other') };
    expect(dueOf(busy, 89 * minuteMs)).toEqual({ kind: 'none' });
    expect(dueOf(busy, 91 * minuteMs)).toMatchObject({ kind: 'late', entry: { id: 'sooner' } });
  });

  it('I-OP-4: becomes an operation by the command that takes it off the list', () => {
    const state = withTwo();
    const command: Command = {
      ...{ kind: 'begin-operation', operation: operationOf('sooner'), revision: state.revision },
    };
    const begun = applied(state, command);
    expect(begun.operation?.id).toBe('sooner');
    expect(begun.scheduled?.map(({ id }) => id)).toEqual(['later']);
  });

  it('says why it was not begun, and who took it back', () => {
    const refused = { kind: 'unschedule', id: 'sooner', by: 'the decider', why: 'node-2 is gone.' } as const;
    expect(applied(withTwo(), refused).events.at(-1)).toMatchObject({
      severity: 'warning',
      message:
        'Not begun: a switchover to node-2, scheduled for 1970-01-01 01:00:00 UTC by ann. node-2 is gone.',
    });
    const taken = applied(withTwo(), { kind: 'unschedule', id: 'later', by: 'bob', why: null });
    expect(taken.events.at(-1)?.message).toMatch(/^bob took back a switchover to node-2/);
    expect(taken.scheduled).toHaveLength(1);
  });
});

describe('the plan of a schedule', () => {
  const nowMs = 1000;
  const input = (state = demoState()) => ({
    ...{ state, self: 'node-1', nowMs, votersNow: new Set([1, 2, 3]), reports: new Map() },
  });
  const asked = (atMs: number) => ({
    ...{ kind: 'schedule-operation' as const, atMs, withinMinutes: 30 },
    request: { kind: 'restart-daemons' as const },
  });

  it('is that of its operation, whose refusal by now is only a warning', () => {
    const plan = planOf(input(), asked(60 * minuteMs));
    expect(plan.summary).toMatch(/^At 1970-01-01 01:00:00 UTC, or within 30 minutes of it: /);
    expect(plan.refusal).toBeNull();
  });

  it('refuses times that are over or far ahead, and too many at once', () => {
    expect(planOf(input(), asked(999)).refusal).toMatch(/is over/);
    expect(planOf(input(), asked(100 * 24 * 60 * minuteMs)).refusal).toMatch(/90 days/);
    const full = Array.from({ length: scheduledMax }, (_, at) => entry(`s${at}`, at * minuteMs));
    expect(planOf(input({ ...demoState(), scheduled: full }), asked(minuteMs)).refusal).toMatch(
      /20 operations wait already/,
    );
    const unknown = planOf(input(), { kind: 'unschedule-operation', id: 'nothing' });
    expect(unknown.refusal).toMatch(/see quantadb scheduled/);
  });
});
