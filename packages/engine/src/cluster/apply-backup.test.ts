import { describe, expect, it } from 'vitest';
import { lastVerificationOf } from '../backup/damage.ts';
import type { BackupConfig, BackupWork, JobResult } from '../contract/backup.ts';
import type { ClusterState } from '../contract/cluster-state.ts';
import { demoState } from '../testing/demo-state.ts';
import type { Command, CommandOf } from './commands.ts';
import { planOf } from './plan.ts';
import { configAfter } from './plan-backup.ts';
import { apply, decodeState, encodeState } from './state.ts';

const repository: BackupConfig['repository'] = { type: 'posix', path: '/repo', encrypted: false };
const request = {
  ...{ repository, secrets: null, impact: null, retention: null },
  ...{ schedules: null, drills: null, archiveTimeoutSeconds: null },
};

function configured(): ClusterState {
  const config = configAfter(demoState(), request);
  if (!config) throw new Error('no configuration');
  return done(demoState(), { kind: 'set-backup', config, by: 'anna' });
}

function done(state: ClusterState, command: Command, atMs = 5000): ClusterState {
  const applied = apply(state, command, atMs);
  if (!applied.result.ok || !applied.state) throw new Error(applied.result.ok ? '' : applied.result.reason);
  return applied.state;
}
const refusal = (state: ClusterState, command: Command) => apply(state, command, 5000).result;

const begin = (id: string, serves: { scheduleId: string; slotMs: number }[] = []): Command => ({
  kind: 'begin-backup-job',
  job: {
    ...{ id, work: { kind: 'backup', type: 'full' }, trigger: 'schedule', scheduleId: 'nightly' },
    ...{ requestedBy: 'the schedule', reason: '' },
  },
  serves,
});
const assign = (id: string, attempt: number): Command => ({
  ...{ kind: 'assign-backup-job', id, attempt, node: 'node-2', fromStandby: true },
});

it('a slot that was served by a clock far ahead holds up no later one, once every daemon judges so', () => {
  const slot = (slotMs: number) => [{ scheduleId: 'nightly', slotMs }];
  const ahead = configured();
  if (ahead.backup) ahead.backup.servedMs = { nightly: 400 * 86_400_000 };
  expect(refusal({ ...ahead, level: 8 }, begin('one', slot(4000)))).toMatchObject({ ok: false });
  expect(refusal({ ...ahead, level: 9 }, begin('one', slot(4000)))).toEqual({ ok: true });
  if (ahead.backup) ahead.backup.servedMs = { nightly: 4001 };
  expect(refusal({ ...ahead, level: 9 }, begin('one', slot(4000)))).toMatchObject({ ok: false });
});

describe('the settings', () => {
  it('keep the secrets that are not given anew', () => {
    const given = { cipherPass: 'a passphrase', s3Key: 'key', s3KeySecret: 'secret' };
    const first = configAfter(demoState(), { ...request, secrets: given }) as BackupConfig;
    const state = done(demoState(), { kind: 'set-backup', config: first, by: 'anna' });
    const rotated = { cipherPass: null, s3Key: 'another', s3KeySecret: 'its secret' };
    expect(configAfter(state, { ...request, secrets: rotated })?.secrets).toEqual({
      ...{ cipherPass: 'a passphrase', s3Key: 'another', s3KeySecret: 'its secret' },
    });
  });

  it('replace exactly the ones they were made from', () => {
    const state = configured();
    const config = state.backup?.config as BackupConfig;
    expect(refusal(state, { kind: 'set-backup', config, by: 'x' })).toMatchObject({ ok: false });
    expect(refusal(state, { kind: 'set-backup', config: { ...config, revision: 2 }, by: 'x' })).toEqual({
      ok: true,
    });
  });

  it('leave the slots of other schedules as they were, and begin a new one now', () => {
    const schedule = (id: string) => ({
      ...{
        id,
        type: 'incr',
        cron: '0 * * * *',
        timeZone: 'UTC',
        jitterMinutes: 0,
        window: null,
        enabled: true,
      },
    });
    const first = configAfter(configured(), {
      ...request,
      schedules: [schedule('a')] as BackupConfig['schedules'],
    });
    const one = done(configured(), { kind: 'set-backup', config: first as BackupConfig, by: 'x' }, 7000);
    const schedules = [schedule('a'), schedule('b')] as BackupConfig['schedules'];
    const second = configAfter(one, { ...request, schedules });
    const two = done(one, { kind: 'set-backup', config: second as BackupConfig, by: 'x' }, 9000);
    expect(two.backup?.servedMs).toEqual({ a: 7000, b: 9000 });
  });

  it('survive a snapshot, and an old snapshot is read without them', () => {
    expect(decodeState(encodeState(configured()))?.backup?.config?.stanza).toBe('demo');
    expect(decodeState(encodeState(demoState()))?.backup).toBeUndefined();
  });
});

describe('one piece of work at a time', () => {
  it('I-BACKUP-1: refuses a second one, and the same slot twice', () => {
    const running = done(configured(), begin('j1', [{ scheduleId: 'nightly', slotMs: 6000 }]));
    expect(refusal(running, begin('j2'))).toMatchObject({ ok: false, reason: 'a full backup runs already' });
    expect(refusal(running, begin('j1'))).toEqual({ ok: true });
    const ended = done(running, {
      ...{ kind: 'end-backup-job', id: 'j1', state: 'done', detail: '', warnings: [], result: null },
    });
    expect(refusal(ended, begin('j3', [{ scheduleId: 'nightly', slotMs: 6000 }]))).toMatchObject({
      ok: false,
    });
  });

  it('is refused without a repository', () => {
    expect(refusal(demoState(), begin('j1'))).toMatchObject({ ok: false });
  });

  it('gives each attempt to one node only', () => {
    const running = done(configured(), begin('j1'));
    const assigned = done(running, assign('j1', 1));
    expect(assigned.backup?.job).toMatchObject({ state: 'running', node: 'node-2', attempt: 1 });
    expect(refusal(assigned, assign('j1', 1))).toMatchObject({ ok: false });
    const delay: Command = {
      kind: 'delay-backup-job',
      id: 'j1',
      attempt: 1,
      notBeforeMs: 9,
      detail: 'no room',
    };
    const delayed = done(assigned, delay);
    expect(delayed.backup?.job).toMatchObject({ state: 'waiting', notBeforeMs: 9 });
    expect(done(delayed, assign('j1', 2)).backup?.job?.attempt).toBe(2);
  });

  it('tells people what a verification or a drill has found', () => {
    const running = done(configured(), begin('j1'));
    const verification = {
      ok: false,
      wal: { checked: 1, valid: 0, problems: ['bit'] },
      backups: [],
      other: [],
    };
    const ended = done(running, {
      ...{ kind: 'end-backup-job', id: 'j1', state: 'done', detail: '', warnings: [] },
      result: { kind: 'verify', verification, gaps: ['2 segments are missing'] },
    });
    expect(ended.events.at(-1)).toMatchObject({ severity: 'critical' });
    expect(ended.events.at(-1)?.message).toContain('2 segments are missing; bit');
    expect(ended.backup?.pastJobs).toHaveLength(1);
  });
});

describe('the plan', () => {
  const input = (state: ClusterState) => ({
    state,
    self: 'node-1',
    nowMs: 1000,
    votersNow: new Set([1, 2, 3]),
    reports: new Map(),
  });

  it('refuses a schedule that cannot be kept, and settings without a repository', () => {
    const bad = {
      id: 'x',
      type: 'full',
      cron: 'never',
      timeZone: 'UTC',
      jitterMinutes: 0,
      window: null,
      enabled: true,
    };
    const schedules = [bad] as BackupConfig['schedules'];
    const plan = planOf(input(demoState()), { kind: 'configure-backup', ...request, schedules });
    expect(plan.refusal).toContain('not understood');
    const none = planOf(input(demoState()), { kind: 'configure-backup', ...request, repository: null });
    expect(none.refusal).toContain('There is no repository yet');
    expect(planOf(input(demoState()), { kind: 'configure-backup', ...request }).refusal).toBeNull();
    const held = { type: 'host', host: 'node-2', port: 8432, path: '/repo', encrypted: true } as const;
    const onHost = { kind: 'configure-backup', ...request, repository: held } as const;
    expect(planOf(input(demoState()), onHost).refusal).toContain('of this release');
    const level7 = { ...demoState(), level: 7 };
    const { refusal, warnings, summary } = planOf(input(level7), onHost);
    expect({ refusal, summary }).toEqual({ refusal: null, summary: 'Back up to /repo on node-2.' });
    expect(warnings.join(' ')).toMatch(
      /on port 8432.*Losing node-2 or its disk loses every backup.*also holds the data/,
    );
    const nobody = { ...onHost, repository: { ...held, host: 'node-9' } };
    expect(planOf(input(level7), nobody).refusal).toContain('no member');
    // Whoever holds it stays.
    const config = configAfter(level7, { ...request, repository: held }) as BackupConfig;
    const holding = done(level7, { kind: 'set-backup', config, by: 'anna' });
    expect(planOf(input(holding), { kind: 'remove-node', node: 'node-2' }).refusal).toContain(
      'holds the backup',
    );
  });

  it('refuses a backup while one runs, and names the next step', () => {
    const start = { kind: 'start-backup', work: { kind: 'verify' } } as const;
    expect(planOf(input(demoState()), start).refusal).toContain('quantadb backup configure');
    expect(planOf(input(done(configured(), begin('j1'))), start).refusal).toContain('runs already');
    expect(planOf(input(configured()), start).refusal).toBeNull();
  });
});

describe('past work', () => {
  const run = (
    state: ClusterState,
    id: string,
    work: BackupWork,
    how: Partial<CommandOf<'end-backup-job'>> = {},
  ): ClusterState => {
    const begun = done(state, {
      kind: 'begin-backup-job',
      job: { ...{ id, work, trigger: 'person', scheduleId: null }, requestedBy: 'anna', reason: '' },
      serves: [],
    });
    const end = { state: 'done' as const, detail: '', warnings: [], result: null };
    return done(begun, { kind: 'end-backup-job', id, ...end, ...how });
  };
  const after = (level: number) => {
    let state = { ...configured(), level };
    state = { ...run(state, 'the drill', { kind: 'drill' }), level };
    for (let at = 0; at < 60; at += 1)
      state = { ...run(state, `backup ${at}`, { kind: 'backup', type: 'incr' }), level };
    return state.backup?.pastJobs.map(({ id }) => id) ?? [];
  };

  it('keeps drills longer than what comes every night, once every daemon does', () => {
    expect(after(5)).toHaveLength(41);
    expect(after(5)[0]).toBe('the drill');
    expect(after(4)).toHaveLength(40);
    expect(after(4)).not.toContain('the drill');
  });

  const found: JobResult = {
    ...{ kind: 'verify', gaps: [] },
    verification: { ok: false, wal: { checked: 1, valid: 0, problems: [] }, backups: [], other: [] },
  };
  /** What is remembered of a finding in one repository after so many runs that found nothing out about it. */
  const remembered = (level: number, later: BackupWork, how: Partial<CommandOf<'end-backup-job'>>) => {
    const config = configured().backup?.config as BackupConfig;
    const further = [2].map((number) => ({ ...config, number, repository: { ...repository, path: '/two' } }));
    const both = { ...config, revision: 2, further };
    let state = done({ ...configured(), level }, { kind: 'set-backup', config: both, by: 'anna' });
    state = run(state, 'the finding', { kind: 'verify', repository: 2 }, { result: found });
    for (let at = 0; at < 50; at += 1) state = run(state, `later ${at}`, later, how);
    return lastVerificationOf(state.backup?.pastJobs ?? [], 2);
  };

  it('I-BACKUP-6: of one repository is not forgotten because others are verified, once every daemon remembers it', () => {
    const later: BackupWork = { kind: 'verify', repository: 1 };
    expect(remembered(12, later, { result: found })).not.toBeNull();
    expect(remembered(11, later, { result: found })).toBeNull();
  });

  it('I-BACKUP-6: is not forgotten because later attempts fail', () => {
    const later: BackupWork = { kind: 'verify', repository: 2 };
    expect(remembered(12, later, { state: 'failed', detail: 'it is away' })).not.toBeNull();
  });
});

describe('restores into new clusters', () => {
  const day = 86_400_000;
  const note = (host: string, label: string, untilMs = day): Command => ({
    ...{ kind: 'note-guest-restore', guest: { host, repository: 1, label, untilMs } },
  });

  it('I-BACKUP-9: are each noted until their time is over, and are of the snapshot', () => {
    const one = done(configured(), note('spare-1', 'A'));
    const both = done(one, note('spare-1', 'B'));
    expect(both.backup?.guestRestores?.map(({ label }) => label)).toEqual(['A', 'B']);
    const again = done(both, note('spare-1', 'A', day + 1));
    expect(again.backup?.guestRestores?.map(({ label }) => label)).toEqual(['B', 'A']);
    expect(decodeState(encodeState(again))?.backup?.guestRestores).toHaveLength(2);
    const later = done(again, note('spare-2', 'C', 3 * day), 2 * day);
    expect(later.backup?.guestRestores?.map(({ label }) => label)).toEqual(['C']);
    expect(later.events.at(-1)?.message).toContain('spare-2 restores C');
  });

  it('are bounded, and need the repository', () => {
    let state = configured();
    for (let at = 0; at < 20; at += 1) state = done(state, note(`spare-${at}`, 'A'));
    expect(refusal(state, note('one-more', 'A'))).toMatchObject({ ok: false });
    expect(refusal(state, note('spare-3', 'A', 2 * day))).toEqual({ ok: true });
    expect(refusal(demoState(), note('spare', 'A'))).toMatchObject({ ok: false });
  });
});
