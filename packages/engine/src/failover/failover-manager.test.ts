import { expect, it } from 'vitest';
import type { ClusterState, Failover } from '../contract/cluster-state.ts';
import { systemClock } from '../shared/clock.ts';
import { silentLogger } from '../shared/logger.ts';
import { demoState } from '../testing/demo-state.ts';
import type { Election } from './decide.ts';
import { FailoverManager, type FailoverManagerOptions } from './failover-manager.ts';
import { timingOf } from './timing.ts';

const timing = timingOf('lan');

/** The decider of a switchover from node-1, in a cluster whose commits wait for nobody; time moves by hand. */
function switchover() {
  let nowMs = 100_000;
  const due: { atMs: number; work: () => void }[] = [];
  const gates: (object | null)[] = [];
  const granted: number[] = [];
  const failover = { id: 'f1', kind: 'switchover', epoch: 4, state: 'SEAL', mayLose: true } as Failover;
  const state: ClusterState = { ...demoState(), failover };
  const manager = new FailoverManager({
    ...{ self: 'node-2', timing, logger: silentLogger, state: () => state },
    clock: {
      ...systemClock,
      monotonicMs: () => nowMs,
      after: (delayMs: number, work: () => void) => {
        due.push({ atMs: nowMs + delayMs, work });
        return () => undefined;
      },
    },
    leadership: () => ({ isLeader: true, leaderSinceMs: 0 }),
    setLeaseGate: (gate: object | null) => gates.push(gate),
    commander: {
      submit: async () => {
        granted.push(nowMs);
        return { ok: true };
      },
    },
  } as unknown as FailoverManagerOptions);
  manager.claim('f1');
  const vote = { ok: true, node: 'node-2', history: [] };
  const election = { kind: 'promote', candidate: 'node-2', parentTimeline: 2, vote, verdicts: [] };
  const conclude = () => manager.conclude(failover, { election: election as unknown as Election, votes: [] });
  const pass = async (ms: number) => {
    nowMs += ms;
    for (const timer of due.splice(0)) {
      if (timer.atMs <= nowMs) timer.work();
      else due.push(timer);
    }
    await new Promise((resolve) => setImmediate(resolve));
  };
  const renew = () => manager.renewed({ epoch: 3, receivedAtMs: nowMs, body: '0' });
  return { manager, conclude, gates, granted, pass, renew };
}

it('I-LEASE-1: the old primary of a switchover gets no more time once its lease is waited out', async () => {
  const { manager, conclude, gates, granted, pass, renew } = switchover();
  manager.tick();
  expect(gates.at(-1), 'it stops under its lease').toEqual({ epoch: 3, holderId: 1 });
  renew();
  const concluding = conclude();
  manager.tick();
  expect(gates.at(-1)).toBeNull();
  await pass(50);
  renew();
  await pass(timing.leaseMs);
  expect(granted, 'a renewal was heard of while it waited').toEqual([]);
  await pass(200);
  expect(await concluding).toBe(true);
  expect(gates.at(-1)).toBeNull();
});
