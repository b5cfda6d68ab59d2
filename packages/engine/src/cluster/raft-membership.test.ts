import { expect, test } from 'vitest';
import type { Clock } from '../shared/clock.ts';
import { demoState } from '../testing/demo-state.ts';
import { HandedOver } from './operation-runner.ts';
import { type ConfigurableLog, type ConfigurationEntry, RaftMembership } from './raft-membership.ts';

/** Waits are over at once, and cost their time. */
function quickClock(): Clock & { pass(ms: number): void } {
  let nowMs = 0;
  return {
    monotonicMs: () => nowMs,
    wallMs: () => nowMs,
    pass: (ms) => {
      nowMs += ms;
    },
    after: (delayMs, work) => {
      nowMs += delayMs;
      queueMicrotask(work);
      return () => undefined;
    },
    every: () => () => undefined,
  };
}

const leading = demoState().members['node-1'];
if (!leading) throw new Error('the demo has a node-1');
const self = leading.raftId;

/** @param takesOver what comes of asking that voter */
function membership(heirs: number[], takesOver: (heir: number) => boolean, peers: ConfigurationEntry[] = []) {
  const clock = quickClock();
  const asked: number[] = [];
  const changes: string[] = [];
  let leader: number | null = self;
  const log: ConfigurableLog = {
    configuration: () => peers,
    change: async (change) => {
      changes.push(`${change.kind} ${change.kind === 'add-learner' ? change.peer.id : change.id}`);
      return { ok: true };
    },
    leaderId: () => leader,
    heirs: () => heirs,
    transferLeadership: async (heir, deadlineMs) => {
      asked.push(heir);
      if (takesOver(heir)) {
        leader = heir;
        return { ok: true };
      }
      clock.pass(deadlineMs);
      return { ok: false, reason: 'timeout' };
    },
  };
  return { raft: new RaftMembership(() => log, clock), asked, clock, changes };
}

test('leadership goes to the next voter when one does not take it', async () => {
  const { raft, asked } = membership([2, 3], (heir) => heir === 3);
  expect(await raft.moveLeadershipFrom(leading)).toBe(true);
  expect(asked).toEqual([2, 3]);
  expect(await raft.moveLeadershipFrom(leading)).toBe(false);
});

test('voters that do not take it are asked again, and not for ever', async () => {
  let times = 0;
  const late = membership([2, 3], () => ++times === 4);
  expect(await late.raft.moveLeadershipFrom(leading)).toBe(true);
  expect(late.asked).toEqual([2, 3, 2, 3]);
  const never = membership([2, 3], () => false);
  await expect(never.raft.moveLeadershipFrom(leading)).rejects.toThrow(/could not be moved: timeout/);
  expect(never.clock.monotonicMs()).toBeLessThan(25_000);
  await expect(membership([], () => true).raft.moveLeadershipFrom(leading)).rejects.toThrow(/last voter/);
});

test('I-MEMBER-8: who leaves hands leadership on first, and in place of the only voter another one votes', async () => {
  const state = demoState();
  leading.phase = 'leaving';
  state.members = {
    'node-1': leading,
    ...(state.members['node-2'] && { 'node-2': state.members['node-2'] }),
  };
  const peer = (id: number, role: 'voter' | 'learner') => ({ id, name: `node-${id}`, role });
  const only = membership([2], () => true, [peer(1, 'voter'), peer(2, 'learner')]);
  await expect(only.raft.retire(state, leading)).rejects.toThrow(HandedOver);
  expect(only.changes).toEqual(['promote 2']);
  await only.raft.retire(state, leading);
  expect(only.changes.at(-1)).toBe('remove 1');
  const gone = membership([2], () => true, [peer(2, 'voter')]);
  await gone.raft.retire(state, leading);
  expect(gone.changes).toEqual([]);
});
