import { expect, it } from 'vitest';
import type { ClusterState } from '../contract/cluster-state.ts';
import { demoState } from '../testing/demo-state.ts';
import type { Command } from './commands.ts';
import { apply } from './state.ts';

function after(state: ClusterState, ...commands: Command[]): ClusterState {
  return commands.reduce<ClusterState>((last, command) => {
    const { state: next, result } = apply(last, command, 1);
    expect(result).toEqual({ ok: true });
    return next;
  }, state);
}

const lease = (leaseMs: number | null, change: object = {}): Command => {
  return { kind: 'set-lease', epoch: 3, primary: 'node-1', leaseMs, ...change };
};
const begin: Command = {
  ...{ kind: 'begin-failover', id: 'f1', failoverKind: 'failover', fromEpoch: 3, reason: 'silent' },
  ...{ detection: { silentForMs: 1000, detail: '' }, preferred: null, supersedes: null },
};
const grant = (candidate: string, promote: boolean): Command => ({
  ...{ kind: 'grant', failoverId: 'f1', epoch: 4, candidate, promote, parentTimeline: 2 },
  ...{ history: [], votes: [], candidates: [] },
});

it('I-LEASE-5: a lease may last longer for one reign until it is given back; the longest that was agreed on counts', () => {
  const state = after(demoState(), lease(12_000), lease(5_000));
  expect(state.reign).toEqual({ epoch: 3, primary: 'node-1', timeline: 2, leaseMs: 12_000 });
  expect(after(state, lease(null)).reign).not.toHaveProperty('leaseMs');
  for (const other of [{ epoch: 4 }, { primary: 'node-2' }])
    expect(apply(state, lease(20_000, other), 1).result.ok).toBe(false);
});

it('I-LEASE-5: it is not agreed on while a primary is elected; one that goes on keeps it, another one has none', () => {
  const electing = after(demoState(), lease(12_000), begin);
  expect(apply(electing, lease(30_000), 1).result.ok).toBe(false);
  expect(after(electing, grant('node-1', false)).reign).toMatchObject({ epoch: 4, leaseMs: 12_000 });
  expect(after(electing, grant('node-2', true)).reign).not.toHaveProperty('leaseMs');
});
