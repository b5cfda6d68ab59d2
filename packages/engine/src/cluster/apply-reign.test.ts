import { expect, it } from 'vitest';
import { demoState } from '../testing/demo-state.ts';
import type { Command } from './commands.ts';
import { apply } from './state.ts';

/** Whether writes may be lost after node-2 has followed node-1 in a cluster whose commits waited for nobody. */
function lossAfter(failoverKind: 'failover' | 'switchover', supporters?: string[]): boolean | undefined {
  const reason = 'asked for';
  const begun = { kind: 'begin-failover' as const, id: 'f1', failoverKind, fromEpoch: 3, reason };
  const verdict = { node: 'node-2', position: null, chosen: true, verdict: 'Chosen.' };
  const candidates = [supporters ? { ...verdict, supporters } : verdict];
  const grant = { kind: 'grant' as const, failoverId: 'f1', epoch: 4, candidate: 'node-2', candidates };
  const opened = { kind: 'record-timeline' as const, epoch: 4, timeline: 3, forkLsn: '0/100' };
  const commands: Command[] = [
    { ...begun, detection: { silentForMs: null, detail: reason }, preferred: null, supersedes: null },
    { ...grant, promote: true, parentTimeline: 2, history: [], votes: [] },
    { ...opened, node: 'node-2', steps: [] },
  ];
  let state = demoState();
  state.durability.mode = 'async';
  for (const command of commands) state = apply(state, command, 1).state ?? state;
  return state.failover?.dataLoss?.possible;
}

it('denies a loss without quorum commit only when the old primary has said that it holds no more', () => {
  for (const kind of ['failover', 'switchover'] as const) {
    expect(lossAfter(kind, ['node-1', 'node-3']), kind).toBe(false);
    expect(lossAfter(kind, ['node-3']), kind).toBe(true);
    expect(lossAfter(kind), `${kind}, of an older release`).toBe(true);
  }
});
