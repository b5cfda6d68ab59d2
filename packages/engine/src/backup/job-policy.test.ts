import { describe, expect, it } from 'vitest';
import type { BackupJob } from '../contract/backup.ts';
import type { JobLook } from './job-order.ts';
import { abandonAfterMs, decideJob } from './job-policy.ts';
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
