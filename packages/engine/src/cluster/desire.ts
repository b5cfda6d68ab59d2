import type { Addresses, ClusterState } from '../contract/cluster-state.ts';
import type { Source } from '../contract/source.ts';
import { isBeingReplaced } from './restoring.ts';

/** Whose WAL a standby receives: a member, or in a standby cluster's leader the primary of the source. */
export interface Upstream {
  name: string;
  addresses: Pick<Addresses, 'api' | 'postgres'>;
}

/**
 * What a data node should be doing, from the agreed state and what it promised itself (pure). The agent compares this
 * with what PostgreSQL does and takes the next step; nothing else tells a node its role.
 */
export type Desire =
  | { kind: 'nothing'; shownAs: 'stopped' | 'voting' | 'routing'; why: string }
  /** Be a standby that receives WAL from nobody: sealed, or there is no primary to follow. */
  | { kind: 'hold'; why: string }
  /**
   * Stream from the primary of `epoch`. `isOpen` is false until that primary has recorded its timeline. `source` is there
   * when the upstream belongs to the cluster that this one follows: its id, and our name there.
   */
  | {
      kind: 'follow';
      epoch: number;
      upstream: Upstream;
      timeline: number;
      isOpen: boolean;
      source?: { clusterId: string; follower: string };
    }
  /** Put the restored copy in the place of the data: nobody is primary, and nobody else acts. */
  | { kind: 'place'; id: string }
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
  const { reign, source } = state;
  if (source) return followSource(state, source, { self, sealedEpoch });
  if (reign.epoch === 0 && state.adopted) return nothing('its server is being taken over');
  if (reign.epoch === 0 || reign.primary === null)
    return { kind: 'hold', why: 'no reign has been granted yet' };
  const { restoring } = state;
  if (restoring && isBeingReplaced(state)) {
    if (restoring.node !== self) return { kind: 'hold', why: 'the cluster is being restored' };
    if (restoring.phase === 'placing') return { kind: 'place', id: restoring.id };
  }
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

/** In a standby cluster nobody ever leads: one node streams from the source, the others from that one. */
function followSource(
  state: ClusterState,
  source: Source,
  { self, sealedEpoch }: { self: string; sealedEpoch: number },
): Desire {
  if (source.ending !== null) return { kind: 'hold', why: 'the cluster is being promoted' };
  if (sealedEpoch > source.voidEpoch)
    return { kind: 'hold', why: `sealed for epoch ${sealedEpoch}, whose primary is not known yet` };
  const { timeline } = state.reign;
  const follow = { kind: 'follow' as const, epoch: source.voidEpoch, timeline, isOpen: true };
  if (source.leader !== self) {
    const upstream = state.members[source.leader];
    return upstream ? { ...follow, upstream } : { kind: 'hold', why: `${source.leader} is no member` };
  }
  const primary = source.members.find(({ name }) => name === source.primary);
  if (!primary) return { kind: 'hold', why: `where ${source.primary} of ${source.name} is, is not known` };
  const { name, api, postgres } = primary;
  const ours = { clusterId: source.clusterId, follower: state.name };
  return { ...follow, upstream: { name, addresses: { api, postgres } }, source: ours };
}
