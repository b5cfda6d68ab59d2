import type { Refusable } from '../contract/answers.ts';
import type { ClusterState } from '../contract/cluster-state.ts';
import type { NodeReport } from '../contract/node-report.ts';
import type { SourceMember } from '../contract/source.ts';
import type { ClusterMonitor } from '../monitor/cluster-monitor.ts';
import { QuantaError } from '../shared/errors.ts';
import type { Commander } from './commander.ts';
import type { CommandOf } from './commands.ts';
import type { Database } from './database.ts';
import { followersIn, newsOfFollower } from './followers.ts';
import { dataMembers } from './membership.ts';
import type { SourceLook } from './source-look.ts';
import type { SourceView } from './source-view.ts';
import { isOpen, submitOrRefuse } from './step-helpers.ts';

/** What a daemon answers to hosts of a cluster that follows its own. */

interface Resources {
  self: string;
  commander: Commander;
  database: Database | null;
  monitor: ClusterMonitor;
  look: SourceLook;
  state(): ClusterState | null;
}

export function sourcePeerHandlers(resources: Resources): {
  'source-view'(input: { clusterId: string | null }): Promise<SourceView>;
  'keep-for-follower'(input: {
    clusterId: string;
    follower: string;
    from: string | null;
    hosts?: string[] | undefined;
  }): Promise<Refusable>;
  'drop-follower'(input: { clusterId: string; follower: string }): Promise<Refusable>;
  'look-at-source'(input: { clusterId: string }): Promise<{ view: SourceView | null }>;
} {
  const inCluster = (clusterId: string | null): ClusterState => {
    const state = resources.state();
    if (state && (clusterId === null || state.clusterId === clusterId)) return state;
    throw new QuantaError('REFUSED', 'this host is not in that cluster');
  };
  return {
    'source-view': async ({ clusterId }) => {
      const state = inCluster(clusterId);
      const primary = state.members[state.reign.primary ?? ''];
      return viewOf(state, primary ? await resources.monitor.reportOf(primary) : null);
    },
    'keep-for-follower': async ({ clusterId, follower, from, hosts = null }) => {
      const state = inCluster(clusterId);
      return onPrimary(resources.database, async (followers) => {
        await letIn(resources.commander, newsOfFollower(state, follower, hosts));
        await followers.keep(follower, from);
      });
    },
    'drop-follower': async ({ clusterId, follower }) => {
      const isKnown = inCluster(clusterId).followers?.[follower] !== undefined;
      return onPrimary(resources.database, async (followers) => {
        await followers.drop(follower);
        if (isKnown)
          await submitOrRefuse(resources.commander, { kind: 'forget-follower', cluster: follower });
      });
    },
    'look-at-source': async ({ clusterId }) => {
      const { source } = inCluster(clusterId);
      return { view: source ? await resources.look.now(source) : null };
    },
  };
}

/** @throws QuantaError REFUSED, NO_QUORUM: it is not agreed on */
export async function letIn(commander: Commander, news: CommandOf<'note-follower'> | null): Promise<void> {
  if (news) await submitOrRefuse(commander, news);
}

async function onPrimary(
  database: Database | null,
  work: (followers: NonNullable<Database['followers']>) => Promise<void>,
): Promise<Refusable> {
  if (!database?.followers || !(await database.isPrimary()))
    return { ok: false, reason: 'this node is not primary' };
  await work(database.followers);
  return { ok: true };
}

/** @throws QuantaError REFUSED for a cluster that can be no source */
export function viewOf(state: ClusterState, report: NodeReport | null): SourceView {
  const { clusterId, name, systemIdentifier, revision, reign, timelines, parameters, hba } = state;
  if (state.source) throw new QuantaError('REFUSED', `${name} follows ${state.source.name} itself`);
  if (systemIdentifier === null) throw new QuantaError('REFUSED', `${name} is being created`);
  return {
    ...{ clusterId, name, systemIdentifier, revision, timelines, parameters, hba },
    ...{ epoch: reign.epoch, timeline: reign.timeline },
    primary: isOpen(state) ? reign.primary : null,
    takesWrites: report?.role === 'primary' && report.state === 'running' && report.epoch === reign.epoch,
    lsn: report?.role === 'primary' ? report.lsn : null,
    members: dataMembers(state).flatMap((member): SourceMember[] => {
      const { api, postgres } = member.addresses;
      return postgres ? [{ name: member.name, api, postgres }] : [];
    }),
    followers: followersIn(report),
  };
}
