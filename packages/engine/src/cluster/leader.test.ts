import { expect, it } from 'vitest';
import type { ClusterState } from '../contract/cluster-state.ts';
import { timingOf } from '../failover/timing.ts';
import { demoState } from '../testing/demo-state.ts';
import type { Activity, NodeAgentOptions } from './agent-options.ts';
import type { Desire } from './desire.ts';
import { Leader } from './leader.ts';

const ignore = () => undefined;
const logger = { debug: ignore, info: ignore, warn: ignore, error: ignore };
const reign: Extract<Desire, { kind: 'lead' }> = { kind: 'lead', epoch: 3, timeline: 2, isRecorded: true };
const granted = { ...reign, isRecorded: false };

interface Scene {
  /** Null: it has not answered since it was started. */
  inRecovery?: boolean | null;
  leaseMs?: number;
}

/** node-1, which is granted the reign of `demoState`, with a PostgreSQL that runs. */
function scene({ inRecovery = false, leaseMs = 3000 }: Scene = {}) {
  const seen = { calls: [] as string[], shown: null as Activity | null, deadline: leaseMs as number | null };
  const call = (name: string) => async () => {
    seen.calls.push(name);
  };
  const state: ClusterState = demoState();
  const observation = inRecovery === null ? null : { inRecovery, standbys: [], impostors: [] };
  const database = {
    mirror: null,
    pid: () => null,
    isInitialised: async () => true,
    isRunning: async () => true,
    isPrimary: async () => inRecovery === false,
    observation: () => observation,
    position: async () => ({ timeline: 2, lsn: '0/900' }),
    history: async () => [],
    connectedStandbys: async () => ['node-2', 'node-3'],
    setClients: call('setClients'),
    openArchive: call('openArchive'),
    applySynchronous: call('applySynchronous'),
    ensureSlots: call('ensureSlots'),
    dropSlotsExcept: call('dropSlotsExcept'),
    startStandby: call('startStandby'),
    kill: call('kill'),
  };
  const options = {
    ...{ self: 'node-1', timing: timingOf('lan'), logger, database },
    clock: { monotonicMs: () => 0, wallMs: () => 0 },
    seal: { epoch: () => 3 },
    state: () => state,
    lease: {
      hold: (_epoch: number, phase: string) => seen.calls.push(`hold ${phase}`),
      release: () => seen.calls.push('release'),
      deadlineMs: () => seen.deadline,
    },
    confirmed: { note: ignore },
    onPrimaryLost: () => seen.calls.push('lost'),
    show: (activity: Activity) => {
      seen.shown = activity;
    },
  } as unknown as NodeAgentOptions & { show(activity: Activity): void };
  const leader = new Leader(options);
  return { leader, seen, database };
}

const { signal } = new AbortController();

it('opens the archive of a standing reign, which a daemon may have left closed when it died', async () => {
  const { leader, seen } = scene();
  await leader.lead(reign, signal);
  expect(seen.calls).toContain('openArchive');
});

it('leaves the archive closed while no lease is confirmed', async () => {
  const { leader, seen } = scene({ leaseMs: 0 });
  await leader.lead(reign, signal);
  expect(seen.calls).toContain('setClients');
  expect(seen.calls).not.toContain('openArchive');
});

it('says nothing of a server that has not answered yet: it may be the primary', async () => {
  const { leader, seen } = scene({ inRecovery: null });
  await leader.lead(reign, signal);
  expect(seen.shown?.state).toBe('waiting');
  expect(seen.calls).toEqual([]);
});

it('keeps the lease of a candidate whose server has not answered yet', async () => {
  const { leader, seen } = scene({ inRecovery: null });
  await leader.lead(granted, signal);
  expect(seen.calls).toEqual(['hold taking-over']);
});

it('reports a reign lost whose server came back as a standby', async () => {
  const { leader, seen } = scene({ inRecovery: true });
  await leader.lead(reign, signal);
  expect(seen.calls.slice(0, 2)).toEqual(['release', 'lost']);
});
