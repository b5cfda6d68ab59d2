import { describe, expect, it } from 'vitest';
import type { BackupConfig } from '../contract/backup.ts';
import { backupRequestSchemas } from '../contract/backup.ts';
import type { ClusterState } from '../contract/cluster-state.ts';
import { demoState } from '../testing/demo-state.ts';
import { whyTooNew } from './feature-level.ts';
import { planOf } from './plan.ts';
import { configAfter } from './plan-backup.ts';
import { apply, decodeState, encodeState } from './state.ts';

const posix = (path: string) => ({ type: 'posix' as const, path, encrypted: false });
const [schema] = backupRequestSchemas;
const asked = (own: object) => schema.parse({ kind: 'configure-backup', ...own });

function after(state: ClusterState, own: object): ClusterState {
  const config = configAfter(state, asked(own)) as BackupConfig;
  const { result, state: next } = apply(state, { kind: 'set-backup', config, by: 'anna' }, 5000);
  if (!result.ok || !next) throw new Error('refused');
  return next;
}
const one = () =>
  after({ ...demoState(), level: 8 }, { repository: posix('/one'), retention: { fullCount: 3 } });
const two = () => after(one(), { number: 2, repository: posix('/two'), secrets: { s3Key: 'key' } });

const refusalOf = (state: ClusterState, request: Parameters<typeof planOf>[1]) =>
  planOf({ state, self: 'node-1', nowMs: 1000, votersNow: new Set([1, 2, 3]), reports: new Map() }, request)
    .refusal;

describe('several repositories in the settings', () => {
  it('one alone is stored as it always was', () => {
    expect(one().backup?.config).not.toHaveProperty('further');
    const gone = after(two(), { number: 2, takeOff: true });
    expect(gone.backup?.config).toEqual({ ...one().backup?.config, revision: 3 });
  });

  it('a further one has its place, secrets and retention; what is said of it changes nothing of the first', () => {
    const config = two().backup?.config;
    expect(config).toMatchObject({
      ...{ repository: posix('/one'), retention: { fullCount: 3 } },
      further: [
        { number: 2, repository: posix('/two'), secrets: { s3Key: 'key' }, retention: { fullCount: 3 } },
      ],
    });
    const changed = after(two(), { number: 2, retention: { fullCount: 9 } }).backup?.config;
    expect(changed).toMatchObject({
      retention: { fullCount: 3 },
      further: [{ retention: { fullCount: 9 } }],
    });
    expect(changed?.further?.[0]?.secrets.s3Key).toBe('key');
    const state = after(two(), { retention: { fullCount: 5 } });
    expect(state.backup?.config).toMatchObject({ further: config?.further });
    expect(decodeState(encodeState(state))).toEqual(state);
  });

  it('what cannot be is refused in words', () => {
    const add = asked({ number: 2, repository: posix('/two') });
    expect(refusalOf({ ...one(), level: 7 }, add)).toMatch(/every daemon .* of this release/);
    expect(refusalOf(one(), add)).toBeNull();
    expect(refusalOf(one(), asked({ number: 2 }))).toMatch(/name its place/);
    expect(refusalOf(one(), asked({ number: 2, repository: posix('/one') }))).toMatch(/the same place/);
    expect(refusalOf(two(), asked({ repository: posix('/two') }))).toMatch(/the same place/);
    const onHost = { type: 'host', host: 'node-1', path: '/three' };
    const onDisk = asked({ number: 3, repository: onHost });
    expect(refusalOf(two(), onDisk)).toMatch(/every daemon .* of this release/);
    expect(refusalOf({ ...two(), level: 9 }, onDisk)).toBeNull();
    const three = after({ ...two(), level: 9 }, { number: 3, repository: onHost });
    const another = { ...onHost, host: 'node-2', path: '/four' };
    expect(refusalOf(three, asked({ number: 4, repository: another }))).toMatch(
      /Only one of the repositories/,
    );
    const removal = { kind: 'remove-node' as const, node: 'node-1' };
    expect(refusalOf({ ...three, reign: { ...three.reign, primary: 'node-2' } }, removal)).toMatch(
      /holds the backup repository/,
    );
    expect(refusalOf(two(), asked({ number: 1, takeOff: true }))).toMatch(/not taken off/);
    expect(refusalOf(two(), asked({ number: 3, takeOff: true }))).toMatch(/no repository 3/);
    const schedule = { id: 'nightly', type: 'full', cron: '0 1 * * *', timeZone: 'UTC' };
    expect(refusalOf(two(), asked({ schedules: [{ ...schedule, repository: 3 }] }))).toMatch(
      /names repository 3/,
    );
    const scheduled = after(two(), { schedules: [{ ...schedule, repository: 2 }] });
    expect(refusalOf(scheduled, asked({ number: 2, takeOff: true }))).toMatch(/names repository 2/);
    const work = { kind: 'backup', type: 'full', repository: 3 } as const;
    expect(refusalOf(two(), { kind: 'start-backup', work })).toMatch(/no repository 3/);
  });

  it('a further one on a host stays out of a log that an older daemon reads', () => {
    const onHost = { type: 'host', host: 'node-1', path: '/three' };
    const config = configAfter(two(), asked({ number: 3, repository: onHost })) as BackupConfig;
    const command = { kind: 'set-backup' as const, config, by: 'anna' };
    expect(whyTooNew(two(), command)).toMatch(/9 is needed/);
    expect(whyTooNew({ ...two(), level: 9 }, command)).toBeNull();
  });

  it('the plan says what is lost with the host that holds one of them, and with no other change', () => {
    const warned = (own: object) =>
      planOf(
        {
          ...{ state: { ...two(), level: 9 }, self: 'node-1', nowMs: 1000, votersNow: new Set([1, 2, 3]) },
          reports: new Map(),
        },
        asked(own),
      ).warnings.join(' ');
    const onHost = { type: 'host', host: 'node-1', path: '/three' };
    expect(warned({ number: 3, repository: onHost })).toMatch(
      /Losing node-1 or its disk loses all that repository 3 holds; the other repositories are not touched/,
    );
    expect(warned({ number: 2, retention: { fullCount: 2 } })).not.toMatch(/Losing/);
  });

  it('each of them keeps its WAL from a backup of its own on', () => {
    const job = { id: 'one', work: { kind: 'expire' as const, repository: 2 }, trigger: 'person' as const };
    const who = { scheduleId: null, requestedBy: 'anna', reason: '' };
    const begun = apply(two(), { kind: 'begin-backup-job', job: { ...job, ...who }, serves: [] }, 6000).state;
    const result = { kind: 'expire' as const, expired: [], walKeptFrom: '20261128-010000F' };
    const end = {
      kind: 'end-backup-job' as const,
      id: 'one',
      state: 'done' as const,
      detail: '',
      warnings: [],
    };
    const ended = apply(begun as ClusterState, { ...end, result }, 7000).state;
    expect(ended?.backup).toMatchObject({
      ...{ walKeptFrom: null, furtherWalKeptFrom: { 2: '20261128-010000F' } },
    });
    const gone = after(ended as ClusterState, { number: 2, takeOff: true });
    expect(gone.backup?.furtherWalKeptFrom).toEqual({});
  });
});
