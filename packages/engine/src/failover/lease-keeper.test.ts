import { expect, it } from 'vitest';
import { type Clock, systemClock } from '../shared/clock.ts';
import { silentLogger } from '../shared/logger.ts';
import { LeaseKeeper } from './lease-keeper.ts';
import { timingOf } from './timing.ts';

const timing = timingOf('lan');

/** Time moves by hand; renewals are confirmed as the test says. */
function keeper() {
  let nowMs = 1000;
  const armed: number[] = [];
  const answers = { ok: true, held: Promise.resolve() };
  const periodic = new Set<() => void>();
  const sent: number[] = [];
  const bodies: string[] = [];
  const clock: Clock = {
    ...systemClock,
    monotonicMs: () => nowMs,
    every: (_, work) => {
      periodic.add(work);
      return () => periodic.delete(work);
    },
  };
  const lease = new LeaseKeeper({
    ...{ timing, clock, logger: silentLogger },
    replayed: () => '0/3000060',
    renew: async ({ body }) => {
      sent.push(nowMs);
      bodies.push(body);
      await answers.held;
      return answers.ok ? { ok: true, sentAtMs: nowMs } : { ok: false, reason: 'nobody leads' };
    },
    arm: async (deadlineMs) => {
      armed.push(deadlineMs);
      return true;
    },
    probe: async () => ({ ok: true, detail: '' }),
    onUnwell: () => undefined,
  });
  const pass = async (ms: number) => {
    nowMs += ms;
    for (const work of periodic) work();
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { lease, armed, sent, bodies, answers, pass };
}

it('makes one renewal count for longer, and the usual ones take nothing back (I-LEASE-5)', async () => {
  const { lease, armed, pass } = keeper();
  lease.hold(7, 'taking-over');
  await pass(0);
  expect(lease.deadlineMs(7)).toBe(1000 + timing.leaseMs);
  expect(await lease.prolong(7, timing.restartLeaseMs)).toBe(true);
  expect(lease.deadlineMs(7)).toBe(1000 + timing.restartLeaseMs);
  await pass(500);
  expect(lease.deadlineMs(7)).toBe(1000 + timing.restartLeaseMs);
  expect(armed.at(-1)).toBe(1000 + timing.restartLeaseMs);
});

it('changes nothing without a confirmation, and for no other epoch (I-LEASE-5)', async () => {
  const { lease, answers, pass } = keeper();
  lease.hold(7, 'taking-over');
  await pass(0);
  expect(await lease.prolong(6, timing.restartLeaseMs)).toBe(false);
  answers.ok = false;
  expect(await lease.prolong(7, timing.restartLeaseMs)).toBe(false);
  expect(lease.deadlineMs(7)).toBe(1000 + timing.leaseMs);
});

it('falls silent once what is under way is answered, and lives on by what it has (I-RESTART-4)', async () => {
  const { lease, sent, answers, pass } = keeper();
  lease.hold(7, 'serving');
  await pass(0);
  await lease.prolong(7, timing.restartLeaseMs);
  const deadlineMs = lease.deadlineMs(7);
  let answer = (): void => undefined;
  answers.held = new Promise((resolve) => {
    answer = resolve;
  });
  await pass(timing.renewEveryMs);
  const count = sent.length;
  let isSilent = false;
  const silent = lease.fallSilent(1000).then(() => {
    isSilent = true;
  });
  await pass(timing.renewEveryMs);
  expect(isSilent).toBe(false);
  answer();
  await silent;
  await pass(timing.renewEveryMs);
  expect(sent.length).toBe(count);
  expect(lease.deadlineMs(7)).toBe(deadlineMs);
});

it('tells how far the replay has come while it takes over, and then no more', async () => {
  const { lease, bodies, pass } = keeper();
  lease.hold(7, 'taking-over');
  await pass(0);
  expect(bodies.at(-1)).toBe('0 0/3000060');
  lease.hold(7, 'serving');
  await pass(timing.renewEveryMs);
  expect(bodies.at(-1)).toMatch(/^\d+$/);
});

it('counts on no deadline that the reaper had before PostgreSQL was started (I-LEASE-3)', async () => {
  const { lease, armed, pass } = keeper();
  lease.hold(7, 'taking-over');
  await pass(0);
  expect(lease.deadlineMs(7)).not.toBeNull();
  lease.forgetDeadline();
  expect(lease.deadlineMs(7)).toBeNull();
  await pass(timing.renewEveryMs);
  expect(lease.deadlineMs(7)).toBe(armed.at(-1));
  expect(armed.length).toBeGreaterThan(1);
});
