import type { NodeReport } from '../contract/node-report.ts';
import type { Followers } from '../contract/status.ts';
import { followerOf } from '../replication/follower-slots.ts';

/** The clusters that follow this one, as its primary sees them (pure). */
export function followersIn(primary: Pick<NodeReport, 'standbys'> | null | undefined): Followers {
  return (primary?.standbys ?? []).flatMap(({ name, state, lagBytes, lagMs }) => {
    const cluster = followerOf(name);
    return cluster === null ? [] : [{ cluster, state, lagBytes, lagMs }];
  });
}
