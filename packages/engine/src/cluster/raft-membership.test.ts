import { expect, test } from 'vitest';
import type { Clock } from '../shared/clock.ts';
import { demoState } from '../testing/demo-state.ts';
import { type ConfigurableLog, RaftMembership } from './raft-membership.ts';

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
function membership(heirs: number[], takesOver: (heir: number) => boolean) {
  const clock = quickClock();
  const asked: number[] = [];
  let leader: number | null = self;
  const log: ConfigurableLog = {
    configuration: () => [],
    change: async () => ({ ok: true }),
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
  return { raft: new RaftMembership(() => log, clock), asked, clock };
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
