import { describe, expect, it } from 'vitest';
import type { ClusterState, Operation } from '../contract/cluster-state.ts';
import { topologyOf } from '../router/topology-of.ts';
import { demoState } from '../testing/demo-state.ts';
import type { Command } from './commands.ts';
import { desireOf } from './desire.ts';
import { pendingSteps } from './operation-steps.ts';
import { swapVerdict } from './restoring.ts';
import { apply } from './state.ts';

const set = { electors: ['node-2', 'node-3'], votes: 1, standbys: ['node-2', 'node-3'], count: 1 };
const restored = { timeline: 2, parentId: 1, forkLsn: '0/3000000' };

/** A cluster whose primary is node-1, on timeline 2, and which is about to go back to a moment on it. */
function running(): ClusterState {
  const operation: Operation = {
    ...{ id: 'restore-1', kind: 'restore-in-place', state: 'running', params: {}, requestedBy: 'ann' },
    ...{ reason: '', steps: pendingSteps('restore-in-place'), error: null, startedAtMs: 0, endedAtMs: null },
  };
  return {
    ...demoState(),
    level: 5,
    reign: { epoch: 1, primary: 'node-1', timeline: 2 },
    timelines: [
      { id: 1, parentId: null, forkLsn: null, epoch: 1, status: 'recorded' },
      { id: 2, parentId: 1, forkLsn: restored.forkLsn, epoch: 1, status: 'recorded' },
    ],
    syncSet: set,
    operation,
  };
}

const id = 'restore-1';
const begin: Command = { kind: 'begin-restore', id, node: 'node-1' };
const ready: Command = {
  kind: 'restore-ready',
  id,
  words: 'a moment of before',
  history: [restored, { timeline: 3, parentId: 2, forkLsn: '0/5000000' }],
};
const place: Command = { kind: 'place-restore', id, epoch: 4 };
const open: Command = { kind: 'open-restore', id };
const record: Command = {
  ...{ kind: 'record-timeline', epoch: 4, timeline: 4, forkLsn: '0/5000100', node: 'node-1', steps: [] },
};
const fail: Command = { kind: 'end-operation', id, state: 'failed', error: 'it did not open' };
const failover: Command = {
  ...{ kind: 'begin-failover', id: 'f-1', failoverKind: 'failover', fromEpoch: 1, reason: 'silence' },
  ...{ detection: { silentForMs: 1000, detail: '' }, preferred: null, supersedes: null },
};

function after(...commands: Command[]): ClusterState {
  return commands.reduce((state, command) => {
    const { result, state: next } = apply(state, command, 5000);
    if (!result.ok || !next) throw new Error(result.ok ? '' : `${command.kind}: ${result.reason}`);
    return next;
  }, running());
}
const refused = (state: ClusterState, command: Command) => !apply(state, command, 5000).result.ok;

describe('a restore in place', () => {
  it('keeps a timeline free for its copy, and changes nothing else until that is there (I-RESTORE-1)', () => {
    const state = after(begin);
    expect(state.restoring).toMatchObject({ phase: 'preparing', timeline: 3, node: 'node-1' });
    expect(state.reign).toEqual(running().reign);
    expect(desireOf(state, 'node-1', 0).kind).toBe('lead');
    expect(desireOf(state, 'node-2', 0).kind).toBe('follow');
    // A failover meanwhile takes another number, and the copy is of no use any more.
    expect(refused(state, failover)).toBe(false);
    expect(refused(state, place)).toBe(true);
    expect(refused(after(begin), { ...ready, history: [restored] } as Command)).toBe(true);
  });

  it('lets nobody be elected, read or waited for while its copy takes the place of the data (I-RESTORE-2)', () => {
    for (const state of [after(begin, ready, place), after(begin, ready, place, open)]) {
      expect(refused(state, { ...failover, fromEpoch: state.reign.epoch } as Command)).toBe(true);
      expect(
        refused(state, {
          ...{ kind: 'move-sync-set', epoch: state.reign.epoch, expected: state.syncProgress.move },
          syncSet: { electors: [], votes: 0, standbys: [], count: 0 },
        }),
      ).toBe(true);
      expect(desireOf(state, 'node-2', 0)).toMatchObject({ kind: 'hold' });
      const streaming = { role: 'standby', state: 'streaming', lagBytes: 0, lagMs: 0 } as const;
      const nodes = new Map([['node-2', streaming]]);
      const topology = topologyOf({ state, nodes, self: 'node-1', socketDirectory: null });
      expect(topology.primary).toBeNull();
      expect(topology.nodes.some((node) => node.isReadable)).toBe(false);
    }
    expect(desireOf(after(begin, ready, place), 'node-1', 0)).toEqual({ kind: 'place', id });
  });

  it('begins a reign of its own, on a timeline after that of the copy, which waits for no standby', () => {
    const state = after(begin, ready, place, open);
    expect(state.reign).toEqual({ epoch: 4, primary: 'node-1', timeline: 4 });
    expect(state.timelines.slice(-2)).toMatchObject([
      { id: 3, parentId: 2, forkLsn: '0/5000000', status: 'recorded' },
      { id: 4, parentId: 3, status: 'allocated' },
    ]);
    expect(state.syncSet.count).toBe(0);
    expect(desireOf(state, 'node-1', 0)).toMatchObject({ kind: 'lead', isRecorded: false });
    const opened = after(begin, ready, place, open, record);
    expect(opened.restoring).toBeUndefined();
    expect(opened.pastRestores).toMatchObject([{ id, outcome: 'restored' }]);
    expect(swapVerdict(opened, id)).toBe('finish');
    expect(desireOf(opened, 'node-2', 0)).toMatchObject({ kind: 'follow', isOpen: true, timeline: 4 });
    // Once it is open its end changes nothing any more.
    const ended = after(begin, ready, place, open, record, fail);
    expect(ended.reign).toEqual(opened.reign);
  });

  it('gives the former reign back by the very command that ends its operation, wherever it stood (I-RESTORE-3)', () => {
    expect(after(begin, fail).restoring).toBeUndefined();
    expect(after(begin, ready, fail).pastRestores).toBeUndefined();
    const placing = after(begin, ready, place, fail);
    expect(placing.reign).toEqual(running().reign);
    expect(swapVerdict(placing, id)).toBe('take-back');
    const opening = after(begin, ready, place, open, fail);
    expect(opening.reign).toEqual({ epoch: 5, primary: 'node-1', timeline: 2 });
    expect(opening.syncSet).toEqual(set);
    expect(opening.timelines.filter(({ status }) => status === 'abandoned')).toHaveLength(2);
    expect(swapVerdict(opening, id)).toBe('take-back');
    // What its node says afterwards comes too late.
    expect(refused(placing, open)).toBe(true);
    expect(refused(opening, record)).toBe(true);
    expect(refused(opening, { ...failover, fromEpoch: 5 } as Command)).toBe(false);
  });

  it('is not believed by a node that does not know yet what became of it', () => {
    expect(swapVerdict(null, id)).toBe('wait');
    expect(swapVerdict(running(), id)).toBe('wait');
    expect(swapVerdict(after(begin, ready, place), id)).toBe('stay');
  });

  it('is taken by no cluster with a daemon that does not know it', () => {
    expect(refused({ ...running(), operation: null }, begin)).toBe(true);
    expect(refused(after(begin), { ...begin, id: 'another' })).toBe(true);
  });
});
