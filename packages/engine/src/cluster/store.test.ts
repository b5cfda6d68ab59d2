import { describe, expect, it } from 'vitest';
import { StateMachine } from './store.ts';

const create = {
  kind: 'create' as const,
  clusterId: 'c1',
  name: 'demo',
  founder: {
    name: 'node-1',
    kind: 'data' as const,
    addresses: {
      raft: { host: 'a', port: 1 },
      api: { host: 'a', port: 2 },
      postgres: { host: 'a', port: 3 },
    },
    zone: null,
  },
  durability: { mode: 'quorum' as const, strictness: 'strict' as const, syncTimeoutMs: 10_000 },
  parameters: {},
  hba: [],
};
const entry = (index: number, term = 1) => ({
  index,
  term,
  data: JSON.stringify({ version: 1, atMs: 5, command: create }),
});

describe('the state machine over a replicated log', () => {
  it('answers a proposal with what applying it gave, whichever comes first', async () => {
    const early = new StateMachine();
    const deliverFirst = early.submit(
      {
        propose: async () => {
          early.deliver([entry(1)]);
          return { ok: true, index: 1, term: 1 };
        },
      },
      create,
      1000,
    );
    expect(await deliverFirst).toMatchObject({ ok: true });

    const late = new StateMachine();
    const answer = late.submit({ propose: async () => ({ ok: true, index: 1, term: 1 }) }, create, 1000);
    await Promise.resolve();
    late.deliver([entry(1)]);
    expect(await answer).toMatchObject({ ok: true });
  });

  it('says so when another leader has overwritten the proposal', async () => {
    const machine = new StateMachine();
    const answer = machine.submit({ propose: async () => ({ ok: true, index: 1, term: 1 }) }, create, 1000);
    await Promise.resolve();
    machine.deliver([entry(1, 2)]);
    expect(await answer).toMatchObject({ ok: false, reason: expect.stringContaining('another leader') });
  });

  it('gives up after its deadline when the entry is never delivered', async () => {
    const machine = new StateMachine();
    const answer = machine.submit({ propose: async () => ({ ok: true, index: 9, term: 1 }) }, create, 60);
    await expect(answer).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
  });

  it('names what a proposal failed for', async () => {
    const machine = new StateMachine();
    const refuse = (reason: string) => ({
      propose: async () => ({ ok: false as const, reason, leaderId: null }),
    });
    await expect(machine.submit(refuse('not_leader'), create, 100)).rejects.toMatchObject({
      code: 'NOT_LEADER',
    });
    await expect(machine.submit(refuse('timeout'), create, 100)).rejects.toMatchObject({
      code: 'DEADLINE_EXCEEDED',
    });
    await expect(machine.submit(refuse('queue_full'), create, 100)).rejects.toMatchObject({
      code: 'NO_QUORUM',
    });
  });

  it('refuses entries and snapshots that it cannot read, instead of guessing', () => {
    const machine = new StateMachine();
    expect(() => machine.deliver([{ index: 1, term: 1, data: '{"version":2}' }])).toThrow(/cannot be read/);
    expect(() => machine.restore('{"version":2}')).toThrow(/cannot be read/);
  });

  it('goes on from a snapshot', () => {
    const first = new StateMachine();
    first.deliver([entry(1)]);
    const second = new StateMachine();
    second.restore(first.snapshot());
    expect(second.state()).toEqual(first.state());
  });
});
