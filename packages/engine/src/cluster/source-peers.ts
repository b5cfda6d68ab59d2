import { z } from 'zod';
import type { ClusterState } from '../contract/cluster-state.ts';
import { lsnSchema, nodeNameSchema, timelineSchema } from '../contract/cluster-state.ts';
import type { NodeReport } from '../contract/node-report.ts';
import { type Source, type SourceMember, sourceMemberSchema } from '../contract/source.ts';
import { followersSchema } from '../contract/status.ts';
import type { ClusterMonitor } from '../monitor/cluster-monitor.ts';
import { QuantaError } from '../shared/errors.ts';
import type { Database } from './database.ts';
import { followersIn } from './followers.ts';
import { dataMembers } from './membership.ts';
import type { SourceLook } from './source-look.ts';
import { isOpen } from './step-helpers.ts';

/** What a cluster tells, and does for, another one that follows it. It never learns more of the follower than its name. */

export const sourceViewSchema = z.object({
  clusterId: z.string(),
  name: nodeNameSchema,
  systemIdentifier: z.string(),
  revision: z.number().int(),
  epoch: z.number().int(),
  /** Who reigns; null while nobody does, or the reign is not open. */
  primary: nodeNameSchema.nullable(),
  /** That node says itself that it takes writes. */
  takesWrites: z.boolean(),
  /** Where the primary's WAL ends. */
  lsn: lsnSchema.nullable(),
  timeline: z.number().int(),
  timelines: z.array(timelineSchema),
  members: z.array(sourceMemberSchema),
  parameters: z.record(z.string(), z.string()),
  hba: z.array(z.string()),
  followers: followersSchema,
});
export type SourceView = z.infer<typeof sourceViewSchema>;

const refusableSchema = z.union([
  z.object({ ok: z.literal(true) }),
  z.object({ ok: z.literal(false), reason: z.string() }),
]);

export const sourcePeerMethods = {
  /** Of the cluster that the host is in, whichever it is: asked by hosts of another one. */
  'source-view': { input: z.object({ clusterId: z.string().nullable() }), output: sourceViewSchema },
  /** To the primary: keep WAL for a cluster that follows, from there on; null: whatever is there. */
  'keep-for-follower': {
    input: z.object({ clusterId: z.string(), follower: nodeNameSchema, from: lsnSchema.nullable() }),
    output: refusableSchema,
  },
  /** To the primary: it follows no longer. */
  'drop-follower': {
    input: z.object({ clusterId: z.string(), follower: nodeNameSchema }),
    output: refusableSchema,
  },
  /** Inside a standby cluster: what a member sees of the source. */
  'look-at-source': {
    input: z.object({ clusterId: z.string() }),
    output: z.object({ view: sourceViewSchema.nullable() }),
  },
} as const;

interface Resources {
  self: string;
  database: Database | null;
  monitor: ClusterMonitor;
  look: SourceLook;
  state(): ClusterState | null;
}

type Refusable = z.infer<typeof refusableSchema>;

export function sourcePeerHandlers(resources: Resources): {
  'source-view'(input: { clusterId: string | null }): Promise<SourceView>;
  'keep-for-follower'(input: {
    clusterId: string;
    follower: string;
    from: string | null;
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
    'keep-for-follower': async ({ clusterId, follower, from }) => {
      inCluster(clusterId);
      return onPrimary(resources.database, (followers) => followers.keep(follower, from));
    },
    'drop-follower': async ({ clusterId, follower }) => {
      inCluster(clusterId);
      return onPrimary(resources.database, (followers) => followers.drop(follower));
    },
    'look-at-source': async ({ clusterId }) => {
      const { source } = inCluster(clusterId);
      return { view: source ? await resources.look.now(source) : null };
    },
  };
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

/** What a new standby cluster agrees on of its source (pure). @throws QuantaError REFUSED when it cannot be followed now */
export function sourceOf(view: SourceView, leader: string): Source {
  const { clusterId, name, members, primary, epoch } = view;
  if (primary === null)
    throw new QuantaError('REFUSED', `${name} has no primary that is open: it cannot be copied now`);
  return { clusterId, name, members, primary, epoch, leader, turn: 0, ending: null, voidEpoch: 0 };
}
