import type { ClusterState } from '../contract/cluster-state.ts';
import type { NodeReport } from '../contract/node-report.ts';
import type { Followers } from '../contract/status.ts';
import { followerOf } from '../replication/follower-slots.ts';
import type { CommandOf } from './commands.ts';

/** The clusters that follow this one, as its primary sees them (pure). */
export function followersIn(primary: Pick<NodeReport, 'standbys'> | null | undefined): Followers {
  return (primary?.standbys ?? []).flatMap(({ name, state, lagBytes, lagMs }) => {
    const cluster = followerOf(name);
    return cluster === null ? [] : [{ cluster, state, lagBytes, lagMs }];
  });
}

/** Older daemons do not know which hosts a follower has. */
const toldSinceLevel = 10;

/**
 * Whose certificates PostgreSQL takes for replication: the cluster's own hosts and those of its followers, in order. Null: of every
 * host of the installation, because not everybody can say, or has said, which hosts those are (pure).
 */
export function replicatingHosts({
  level = 1,
  members,
  followers = {},
}: Pick<ClusterState, 'level' | 'members' | 'followers'>): string[] | null {
  const told = Object.values(followers).map(({ hosts }) => hosts);
  if (level < toldSinceLevel || told.includes(null)) return null;
  return [...new Set([...Object.keys(members), ...told.flatMap((hosts) => hosts ?? [])])].sort();
}

/** What has to be agreed on for a follower's hosts to be let in; null: nothing, it is (pure). */
export function newsOfFollower(
  { level = 1, followers = {} }: Pick<ClusterState, 'level' | 'followers'>,
  cluster: string,
  hosts: string[] | null,
): CommandOf<'note-follower'> | null {
  if (level < toldSinceLevel) return null;
  const known = followers[cluster];
  const sorted = hosts && [...new Set(hosts)].sort();
  if (known && JSON.stringify(known.hosts) === JSON.stringify(sorted)) return null;
  return { kind: 'note-follower', cluster, hosts: sorted };
}
