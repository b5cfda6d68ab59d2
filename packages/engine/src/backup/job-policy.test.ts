import { describe, expect, it } from 'vitest';
import type { BackupJob } from '../contract/backup.ts';
import type { JobLook } from './job-order.ts';
import { abandonAfterMs, decideJob, whyGivesWay } from './job-policy.ts';
import { unaskedMsMax } from './job-runner.ts';

const job = (change: Partial<BackupJob> = {}): BackupJob => ({
  ...{
    id: 'j',
    work: { kind: 'backup', type: 'full' },
    trigger: 'schedule',
    scheduleId: null,
    requestedBy: 'x',
  },
  ...{ reason: '', state: 'running', node: 'node-2', fromStandby: true, attempt: 1, notBeforeMs: 0 },
  ...{
    startedAtMs: 0,
    endedAtMs: null,
    detail: '',
    percent: null,
    bytesDone: null,
    warnings: [],
    result: null,
  },
  ...change,
});
const look = (change: Partial<JobLook> = {}): JobLook => ({
  ...{
    state: 'running',
    detail: 'copying',
    percent: 5,
    bytesDone: 1,
    warnings: [],
    result: null,
    retry: true,
  },
  ...change,
});

it('waits no longer than the longest pause, whatever the clock of the decider before said', () => {
  const waiting = (notBeforeMs: number) => job({ state: 'waiting', notBeforeMs });
  const decided = (notBeforeMs: number) =>
    decideJob(waiting(notBeforeMs), { look: null, silentForMs: 0, nowMs: 1000 }).kind;
  expect(decided(60_000)).toBe('wait');
  expect(decided(365 * 86_400_000)).toBe('assign');
});

it('gives way when its window has closed, and to a backup of another repository when it has waited for long', () => {
  const waiting = job({ state: 'waiting', detail: 'witness-1 does not answer' });
  const seen = { isInWindow: true, isOtherDue: true, nowMs: 16 * 60_000 };
  expect(whyGivesWay(waiting, seen)).toBe('a backup of another repository is due: witness-1 does not answer');
  expect(whyGivesWay(waiting, { ...seen, nowMs: 60_000 })).toBeNull();
  expect(whyGivesWay(waiting, { ...seen, isOtherDue: false })).toBeNull();
  expect(whyGivesWay(waiting, { ...seen, isInWindow: false, nowMs: 0 })).toContain('its window has closed');
  expect(whyGivesWay(job(), { ...seen, isInWindow: false })).toBeNull();
});

const decide = (given: BackupJob, seen: JobLook | null, silentForMs = 0) =>
  decideJob(given, { look: seen, silentForMs, nowMs: 1000 });

describe('work on the repository', () => {
  it('begins when its time has come', () => {
    expect(decide(job({ state: 'waiting', notBeforeMs: 1000 }), null)).toEqual({ kind: 'assign' });
    expect(decide(job({ state: 'waiting', notBeforeMs: 1001 }), null)).toEqual({ kind: 'wait' });
  });

  it('goes on while its node says so, and ends with it', () => {
    expect(decide(job(), look())).toEqual({ kind: 'wait' });
    expect(decide(job(), look({ state: 'done' }))).toMatchObject({ kind: 'end', state: 'done' });
  });

  it('is tried again after a pause that grows, up to a limit, and only when that can help', () => {
    const failed = look({ state: 'failed', detail: 'no room' });
    expect(decide(job(), failed)).toEqual({ kind: 'retry', afterMs: 15_000, detail: 'no room' });
    expect(decide(job({ attempt: 3 }), failed)).toMatchObject({ kind: 'retry', afterMs: 240_000 });
    expect(decide(job({ attempt: 5 }), failed)).toMatchObject({ kind: 'end', state: 'failed' });
    expect(decide(job(), look({ state: 'failed', retry: false }))).toMatchObject({
      kind: 'end',
      state: 'failed',
    });
  });

  it('is looked for in the repository when its node knows nothing of it any more', () => {
    expect(decide(job(), look({ state: 'unknown' }))).toEqual({ kind: 'search' });
  });

  it('goes to no other node before a silent one has certainly given up', () => {
    expect(decide(job(), null, abandonAfterMs - 1)).toEqual({ kind: 'wait' });
    expect(decide(job(), null, abandonAfterMs)).toEqual({ kind: 'search' });
    expect(abandonAfterMs).toBeGreaterThan(unaskedMsMax + 10_000);
  });
});
