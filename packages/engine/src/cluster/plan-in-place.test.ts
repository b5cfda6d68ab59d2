import { describe, expect, it } from 'vitest';
import { type InPlaceOutlook, restoreInPlaceSchema } from '../contract/restore.ts';
import { demoState } from '../testing/demo-state.ts';
import { planOf } from './plan.ts';
import { configAfter } from './plan-backup.ts';
import type { PlanInput } from './plan-body.ts';
import { apply } from './state.ts';

const gigabyte = 1024 ** 3;
const nowMs = Date.parse('2026-11-27T12:00:00Z');
const outlook: InPlaceOutlook = {
  planning: {
    ok: true,
    plan: {
      ...{ label: '20261127-010000F', timeline: 2, recovery: { kind: 'latest' }, endMs: nowMs - 600_000 },
      ...{
        databaseBytes: 10 * gigabyte,
        walSegmentsMax: 3,
        expectedMs: 60_000,
        lost: 'the rest',
        warnings: [],
      },
    },
  },
  ...{
    currentLsn: '0/9000000',
    leastLsn: '0/5000000',
    newestMs: nowMs - 60_000,
    archivingFailsSinceMs: null,
  },
  ...{ freeBytes: 20 * gigabyte, dataBytes: 10 * gigabyte, keptBeside: '/data.before-restore-…' },
  ...{ tablespaces: 0, slots: ['cdc'] },
};

function input(change: Partial<InPlaceOutlook> = {}): PlanInput {
  const config = configAfter(demoState(), {
    ...{ repository: { type: 'posix', path: '/repo', encrypted: false }, secrets: null, impact: null },
    ...{ schedules: null, retention: null, drills: null, archiveTimeoutSeconds: null },
  });
  if (!config) throw new Error('no configuration');
  const { state } = apply(demoState(), { kind: 'set-backup', config, by: 'ann' }, 0);
  if (!state) throw new Error('no state');
  const open = { ...state, reign: { epoch: 1, primary: 'node-1', timeline: 2 } };
  return {
    ...{ state: open, self: 'node-1', nowMs, votersNow: new Set([1, 2, 3]), reports: new Map() },
    inPlace: { ...outlook, ...change },
  };
}

const request = (more: Record<string, unknown> = {}) =>
  restoreInPlaceSchema.parse({ kind: 'restore-in-place', target: { kind: 'latest' }, ...more });
const refusal = (change: Partial<InPlaceOutlook>, more: Record<string, unknown> = {}) =>
  planOf(input(change), request(more)).refusal;

describe('the plan of a restore in place', () => {
  it('says which way back there is, and what is given up in time and WAL', () => {
    const plan = planOf(input(), request());
    expect(plan.refusal).toBeNull();
    expect(plan.summary).toContain('20261127-010000F');
    const words = plan.warnings.join('\n');
    expect(words).toContain('the last 10 minutes, is given up (at most 64 MB of WAL)');
    expect(words).toContain('The data of now, 10 GB, is kept as /data.before-restore-…');
    expect(words).toContain('writes wait for no standby');
    expect(words).toContain('are gone: cdc');
  });

  it('is refused without room for both, and with tablespaces, which a copy beside them would overwrite', () => {
    expect(refusal({ freeBytes: 10 * gigabyte })).toMatch(/takes 11 GB beside the data.*10 GB are free/);
    expect(refusal({ tablespaces: 1 }, { insist: true })).toContain('tablespaces');
  });

  it('is refused when the repository could not give back what is given up, unless somebody insists', () => {
    for (const change of [
      { newestMs: nowMs - 3_600_000 },
      { newestMs: null },
      { archivingFailsSinceMs: nowMs - 120_000 },
    ]) {
      expect(refusal(change)).toContain('--insist');
      expect(refusal(change, { insist: true })).toBeNull();
    }
  });

  it('is confirmed by the name of the cluster, and by nothing else', () => {
    expect(refusal({}, { confirm: demoState().name })).toBeNull();
    expect(refusal({}, { confirm: 'yes' })).toContain(`give the name of the cluster: ${demoState().name}`);
  });

  it('waits for what runs on the repository, and passes on why the moment is impossible', () => {
    const impossible = { reason: 'in_gap' as const, message: 'WAL of that time is missing.', nearest: [] };
    expect(refusal({ planning: { ok: false, refusal: impossible } })).toBe('WAL of that time is missing.');
    const busy = input();
    const job = { id: 'j', work: { kind: 'verify' as const }, trigger: 'person' as const, scheduleId: null };
    const begun = apply(
      busy.state,
      { kind: 'begin-backup-job', job: { ...job, requestedBy: 'ann', reason: '' }, serves: [] },
      0,
    );
    expect(planOf({ ...busy, state: begun.state }, request()).refusal).toContain('wait for its end');
  });
});
