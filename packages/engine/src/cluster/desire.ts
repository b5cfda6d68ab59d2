import type { ClusterState, Member } from '../contract/cluster-state.ts';

/**
 * What a data node should be doing, from the agreed state and what it promised itself (pure). The agent compares this
 * with what PostgreSQL does and takes the next step; nothing else tells a node its role.
 */
export type Desire =
  | { kind: 'nothing'; shownAs: 'stopped' | 'voting' | 'routing'; why: string }
  /** Be a standby that receives WAL from nobody: sealed, or there is no primary to follow. */
  | { kind: 'hold'; why: string }
  /** Stream from the primary of `epoch`. `isOpen` is false until that primary has recorded its timeline. */
  | { kind: 'follow'; epoch: number; upstream: Member; timeline: number; isOpen: boolean }
  /** Be primary of `epoch` on `timeline`; `isRecorded` means that this reign was opened before. */
  | { kind: 'lead'; epoch: number; timeline: number; isRecorded: boolean };

/**
 * @param self this node's name
 * @param sealedEpoch the newest epoch this node has promised: anything older is refused
 */
export function desireOf(state: ClusterState | null, self: string, sealedEpoch: number): Desire {
  const member = state?.members[self];
  if (!state || !member) return nothing('in no cluster');
  if (member.kind === 'witness') return nothing('a witness holds no data', 'voting');
  if (member.kind === 'router') return nothing('a router holds no data', 'routing');
  if (member.phase === 'leaving') return nothing('leaving the cluster');
  const { reign } = state;
  if (reign.epoch === 0 && state.adopted) return nothing('its server is being taken over');
  if (reign.epoch === 0 || reign.primary === null)
    return { kind: 'hold', why: 'no reign has been granted yet' };
  if (reign.epoch < sealedEpoch) {
    return { kind: 'hold', why: `sealed for epoch ${sealedEpoch}, whose primary is not known yet` };
  }
  const isRecorded = state.timelines.some(
    (timeline) => timeline.id === reign.timeline && timeline.status === 'recorded',
  );
  if (reign.primary === self)
    return { kind: 'lead', epoch: reign.epoch, timeline: reign.timeline, isRecorded };
  const upstream = state.members[reign.primary];
  if (!upstream) return { kind: 'hold', why: `the primary ${reign.primary} is no member` };
  return { kind: 'follow', epoch: reign.epoch, upstream, timeline: reign.timeline, isOpen: isRecorded };
}

function nothing(why: string, shownAs: 'stopped' | 'voting' | 'routing' = 'stopped'): Desire {
  return { kind: 'nothing', shownAs, why };
}
