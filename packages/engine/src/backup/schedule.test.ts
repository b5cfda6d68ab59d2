import { describe, expect, it } from 'vitest';
import { scheduleSchema } from '../contract/backup.ts';
import { dueBackup, isInWindow, nextRuns, scheduleProblem, servedByNow } from './schedule.ts';

const schedule = (change: Record<string, unknown> = {}) =>
  scheduleSchema.parse({ id: 'nightly', type: 'full', cron: '30 1 * * *', timeZone: 'UTC', ...change });
const at = (text: string) => Date.parse(text);
const due = (schedules: ReturnType<typeof schedule>[], now: string, served: Record<string, string> = {}) => {
  const known = Object.fromEntries(schedules.map(({ id }) => [id, at(served[id] ?? '2026-11-01T00:00:00Z')]));
  return dueBackup(schedules, { servedMs: known }, { nowMs: at(now), clusterId: 'c1' });
};

describe('a schedule', () => {
  it('follows the clock of its time zone through the change of the clocks', () => {
    const berlin = schedule({ timeZone: 'Europe/Berlin' });
    const runs = nextRuns(berlin, 'c1', { nowMs: at('2026-10-24T00:00:00Z'), count: 3 });
    expect(runs.map((run) => new Date(run).toISOString())).toEqual([
      '2026-10-24T23:30:00.000Z',
      '2026-10-26T00:30:00.000Z',
      '2026-10-27T00:30:00.000Z',
    ]);
  });

  it('is refused when it is no schedule, names no time zone or never comes', () => {
    expect(scheduleProblem(schedule())).toBeNull();
    expect(scheduleProblem(schedule({ cron: '61 1 * * *' }))).toContain('not understood');
    expect(scheduleProblem(schedule({ cron: '* * * * * *' }))).toContain('not understood');
    expect(scheduleProblem(schedule({ timeZone: 'Mars/Base' }))).toContain('no time zone');
    expect(scheduleProblem(schedule({ cron: '0 0 30 2 *' }))).not.toBeNull();
  });

  it('is delayed by jitter, the same for every node of a cluster and another for other clusters', () => {
    const jittery = schedule({ jitterMinutes: 60 });
    const from = { nowMs: at('2026-11-27T00:00:00Z'), count: 1 };
    const runs = ['c1', 'c1', 'c2'].map((cluster) => nextRuns(jittery, cluster, from)[0] ?? 0);
    expect(runs[0]).toBe(runs[1]);
    expect(runs[0]).not.toBe(runs[2]);
    for (const run of runs) {
      expect(run).toBeGreaterThanOrEqual(at('2026-11-27T01:30:00Z'));
      expect(run).toBeLessThan(at('2026-11-27T02:30:00Z'));
    }
  });
});

describe('what is due', () => {
  it('is a slot that has come and was not served', () => {
    expect(due([schedule()], '2026-11-27T01:29:59Z', { nightly: '2026-11-26T01:30:00Z' })).toBeNull();
    expect(due([schedule()], '2026-11-27T01:30:00Z', { nightly: '2026-11-26T01:30:00Z' })).toEqual({
      ...{ scheduleId: 'nightly', type: 'full', repository: 1 },
      serves: [{ scheduleId: 'nightly', slotMs: at('2026-11-27T01:30:00Z') }],
    });
    expect(due([schedule()], '2026-11-27T09:00:00Z', { nightly: '2026-11-27T01:30:00Z' })).toBeNull();
  });

  it('is made up for once after a time without a decider', () => {
    const found = due([schedule()], '2026-11-27T12:00:00Z', { nightly: '2026-11-20T01:30:00Z' });
    expect(found?.serves).toEqual([{ scheduleId: 'nightly', slotMs: at('2026-11-27T01:30:00Z') }]);
  });

  it('comes again although a decider whose clock was ahead has served a slot that lies far in the future', () => {
    const nowMs = at('2026-11-27T02:00:00Z');
    const dueAfter = (served: string) =>
      dueBackup([schedule()], servedByNow({ servedMs: { nightly: at(served) } }, nowMs), {
        ...{ nowMs, clusterId: 'c1' },
      });
    expect(dueAfter('2027-11-27T01:30:00Z')?.serves).toEqual([
      { scheduleId: 'nightly', slotMs: at('2026-11-27T01:30:00Z') },
    ]);
    expect(dueAfter('2026-11-27T01:30:00Z')).toBeNull();
    expect(dueAfter('2026-11-27T02:30:00Z')).toBeNull();
  });

  it('is the strongest of several, and serves them all', () => {
    const hourly = schedule({ id: 'hourly', type: 'incr', cron: '30 * * * *' });
    const found = due([hourly, schedule()], '2026-11-27T01:31:00Z');
    expect(found).toMatchObject({ scheduleId: 'nightly', type: 'full' });
    expect(found?.serves.map(({ scheduleId }) => scheduleId).sort()).toEqual(['hourly', 'nightly']);
  });

  it('waits for its window, which may go past midnight', () => {
    const window = { fromMinute: 23 * 60, toMinute: 2 * 60 };
    const limited = schedule({ window, timeZone: 'Europe/Berlin' });
    expect(isInWindow(limited, at('2026-11-27T22:30:00Z'))).toBe(true);
    expect(isInWindow(limited, at('2026-11-27T01:30:00Z'))).toBe(false);
    expect(due([limited], '2026-11-27T12:00:00Z')).toBeNull();
    expect(due([limited], '2026-11-27T22:30:00Z')).not.toBeNull();
  });

  it('is nothing for a schedule that is switched off, or that was only just made', () => {
    expect(due([schedule({ enabled: false })], '2026-11-27T02:00:00Z')).toBeNull();
    expect(
      dueBackup([schedule()], { servedMs: {} }, { nowMs: at('2026-11-27T02:00:00Z'), clusterId: 'c1' }),
    ).toBeNull();
  });
});
