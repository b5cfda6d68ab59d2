import { describe, expect, it } from 'vitest';
import type { ClusterState } from '../contract/cluster-state.ts';
import { demoState } from '../testing/demo-state.ts';
import { desireOf } from './desire.ts';

const state: ClusterState = demoState();

describe('what a node should be doing', () => {
  it('is nothing on a host that is in no cluster', () => {
    expect(desireOf(null, 'node-1', 0)).toMatchObject({ kind: 'nothing' });
    expect(desireOf(state, 'stranger', 0)).toMatchObject({ kind: 'nothing' });
  });

  it('is to lead where the reign was granted, and to follow elsewhere', () => {
    expect(desireOf(state, 'node-1', 0)).toEqual({ kind: 'lead', epoch: 3, timeline: 2, isRecorded: true });
    expect(desireOf(state, 'node-2', 3)).toMatchObject({
      kind: 'follow',
      epoch: 3,
      isOpen: true,
      upstream: { name: 'node-1' },
    });
  });

  it('is to hold still for a node that promised a newer epoch, be it primary or standby (I-SEAL-2)', () => {
    expect(desireOf(state, 'node-1', 4)).toMatchObject({ kind: 'hold' });
    expect(desireOf(state, 'node-2', 4)).toMatchObject({ kind: 'hold' });
  });

  it('tells a follower whether the new timeline is recorded yet', () => {
    const granted = { ...state, reign: { epoch: 4, primary: 'node-2', timeline: 3 } };
    granted.timelines = [
      ...state.timelines,
      { id: 3, parentId: 2, forkLsn: null, epoch: 4, status: 'allocated' },
    ];
    expect(desireOf(granted, 'node-3', 4)).toMatchObject({ kind: 'follow', isOpen: false });
    expect(desireOf(granted, 'node-2', 4)).toMatchObject({ kind: 'lead', isRecorded: false });
  });

  it('is nothing on a node that is leaving', () => {
    const leaving = structuredClone(state);
    const member = leaving.members['node-3'];
    if (member) member.phase = 'leaving';
    expect(desireOf(leaving, 'node-3', 0)).toMatchObject({ kind: 'nothing' });
  });
});
