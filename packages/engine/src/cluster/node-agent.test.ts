import { expect, it } from 'vitest';
import type { SealVote } from '../contract/cluster-state.ts';
import { stillRecovering } from '../failover/decide.ts';
import { timingOf } from '../failover/timing.ts';
import { demoState } from '../testing/demo-state.ts';
import type { NodeAgentOptions } from './agent-options.ts';
import { NodeAgent } from './node-agent.ts';

const ignore = () => undefined;
const logger = { debug: ignore, info: ignore, warn: ignore, error: ignore };

interface Scene {
  isRunning?: boolean;
  answers?: boolean;
  /** node-2 was granted the reign, and has not opened it. */
  isGranted?: boolean;
}

/** node-2, a standby of `demoState`, and what its PostgreSQL was asked to do. */
function scene({ isRunning = true, answers = true, isGranted = false }: Scene) {
  const calls: string[] = [];
  const server = { pid: isRunning ? 42 : null };
  let promised = 0;
  const state = demoState();
  // It waits for a reign: a start is all that there is to do.
  if (!isRunning) state.reign.primary = null;
  if (isGranted) {
    state.reign = { epoch: 4, primary: 'node-2', timeline: 3 };
    state.timelines.push({ id: 3, parentId: 2, forkLsn: null, epoch: 4, status: 'allocated' });
  }
  const options = {
    ...{ self: 'node-2', logger, timing: timingOf('lan'), state: () => state },
    clock: { monotonicMs: () => 0, wallMs: () => 0, every: () => ignore },
    seal: {
      epoch: () => promised,
      promise: async (epoch: number) => {
        promised = epoch;
        return { ok: true };
      },
    },
    lease: { release: ignore, remainingMs: () => null, hold: ignore, deadlineMs: () => null },
    database: {
      ...{ swap: null, mirror: null },
      pid: () => server.pid,
      isInitialised: async () => true,
      isRunning: async () => server.pid !== null,
      isPrimary: async () => false,
      observation: () => (answers && server.pid !== null ? { inRecovery: true } : null),
      applyConfiguration: async () => undefined,
      seal: async () => {
        calls.push('seal');
        return { ok: true, position: { timeline: 2, lsn: '0/900' } };
      },
      exactEndOfWal: async () => ({ timeline: 2, lsn: '0/900' }),
      history: async () => [],
      judge: () => ({ kind: 'contained' }),
      setClients: async () => undefined,
      setUpstream: async () => undefined,
      kill: async () => {
        calls.push('kill');
        server.pid = null;
      },
      startStandby: async ({ signal }: { signal: AbortSignal }) => {
        calls.push('start');
        server.pid = 43;
        await new Promise((_, reject) => {
          signal.addEventListener('abort', () => reject(signal.reason));
        });
      },
    },
  } as unknown as NodeAgentOptions;
  return { agent: new NodeAgent(options), calls };
}

function expectVote(vote: SealVote): Extract<SealVote, { ok: true }> {
  if (!vote.ok) throw new Error(vote.reason);
  return vote;
}

it('votes while its PostgreSQL is still recovering, and is not to be promoted before that answers', async () => {
  const { agent, calls } = scene({ isRunning: false, answers: false });
  agent.start();
  await expect.poll(() => calls).toEqual(['start']);
  const vote = expectVote(await agent.seal(5, 'f1'));
  expect(vote).toMatchObject({ promotable: false, whyNotPromotable: stillRecovering });
  expect(calls, 'it runs, so its receiver is seen to').toEqual(['start', 'seal']);
});

it('votes at once when its PostgreSQL answers', async () => {
  const { agent, calls } = scene({});
  agent.start();
  expect(expectVote(await agent.seal(5, 'f1')).promotable).toBe(true);
  expect(calls).toEqual(['seal']);
});

it('I-SEAL-2: ends a server before it votes whose promotion a former daemon may have triggered', async () => {
  const { agent, calls } = scene({ isGranted: true, answers: false });
  agent.start();
  expect(expectVote(await agent.seal(5, 'f1')).promotable).toBe(false);
  expect(calls).toContain('kill');
  expect(calls).not.toContain('seal');
});
