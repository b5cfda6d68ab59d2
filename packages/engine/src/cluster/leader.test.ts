import { expect, it } from 'vitest';
import type { ClusterState } from '../contract/cluster-state.ts';
import { timingOf } from '../failover/timing.ts';
import { systemClock } from '../shared/clock.ts';
import { QuantaError } from '../shared/errors.ts';
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
  isRunning?: boolean;
  /** Why the promotion comes to nothing. */
  failure?: Error;
}

/** node-1, which is granted the reign of `demoState`, with a PostgreSQL that runs. */
function scene({ inRecovery = false, leaseMs = 3000, isRunning = true, failure }: Scene = {}) {
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
    isRunning: async () => isRunning,
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
    promote: async () => {
      seen.calls.push('promote');
      throw failure ?? new Error('not expected');
    },
  };
  const options = {
    ...{ self: 'node-1', timing: timingOf('lan'), logger, database },
    clock: { ...systemClock, monotonicMs: () => 0 },
    seal: { epoch: () => 3 },
    state: () => state,
    lease: {
      hold: (_epoch: number, phase: string) => seen.calls.push(`hold ${phase}`),
      release: () => seen.calls.push('release'),
      forgetDeadline: () => {
        seen.calls.push('forgetDeadline');
        seen.deadline = null;
      },
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

it('I-SEAL-2: a promotion that nobody waits for any more ends with its server', async () => {
  const { leader, seen } = scene({ inRecovery: true, failure: new Error('it was interrupted') });
  await expect(leader.lead(granted, signal)).rejects.toThrow('it was interrupted');
  expect(seen.calls.slice(-2)).toEqual(['promote', 'kill']);
});

it('leaves a server alone whose promotion was refused before it began', async () => {
  const { leader, seen } = scene({ inRecovery: true, failure: new QuantaError('REFUSED', 'it is taken') });
  await expect(leader.lead(granted, signal)).rejects.toThrow('it is taken');
  expect(seen.calls.at(-1)).toBe('promote');
});

it('promotes a server that it had to start only under a lease that the reaper was given afterwards', async () => {
  const { leader, seen } = scene({ inRecovery: true, isRunning: false });
  const over = new AbortController();
  const leading = leader.lead(granted, over.signal);
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(seen.calls).toContain('startStandby');
  over.abort();
  await expect(leading).rejects.toThrow();
  expect(seen.calls).not.toContain('promote');
});
