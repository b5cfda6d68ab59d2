import { z } from 'zod';
import { failoverSchema, hostKindSchema, nodePolicySchema, usualPolicy } from './cluster-state.ts';
import { networkSchema } from './network.ts';
import { routerTrafficSchema, toldRouterSettingsSchema } from './router-settings.ts';
import { scheduledSchema } from './schedule.ts';

/**
 * The public shape of `quantadb status --json`. Tools and load tests depend on it: fields may be added, none may
 * change its meaning or go away.
 */

/** The closed list of what a node's PostgreSQL can be doing, as people see it. */
export const nodeStates = [
  'running', // primary, open for writes
  'streaming', // standby, receiving WAL
  'delayed', // standby, late on purpose: receives WAL again once it has replayed what it holds
  'catching-up', // standby, connected to nobody right now
  'read-only', // standby, serves reads without a primary: there is no quorum
  'cloning', // receiving its base backup
  'rewinding', // a former primary: taking back what the cluster's history does not hold
  'starting', // PostgreSQL starts or recovers
  'promoting', // between grant and open for writes
  'fenced', // stopped on purpose: no lease
  'stopped', // no PostgreSQL process
  'waiting', // its WAL is not proven part of the cluster's history, or nothing to clone from yet
  'unreachable', // its daemon does not answer
  'voting', // witness
  'routing', // router host
] as const;
export const nodeRoleSchema = z.enum(['primary', 'standby', 'witness', 'router', 'none']);
/** A node in one of these does what it is there for. */
export const wellStates: ReadonlySet<NodeState> = new Set([
  'running',
  'streaming',
  'delayed',
  'voting',
  'routing',
]);
export const nodeStateSchema = z.enum(nodeStates);
export type NodeState = z.infer<typeof nodeStateSchema>;

/** What runs beside PostgreSQL on a host and does not do its work. */
export const troubleSchema = z.object({
  kind: z.enum(['router', 'hook']),
  /** Which hook; of a router that is to replace the one that serves `successorName`; else empty. */
  name: z.string().max(300),
  detail: z.string().max(1000),
  sinceMs: z.number(),
});
export type Trouble = z.infer<typeof troubleSchema>;
export const successorName = 'successor';

export const nodeStatusSchema = z.object({
  name: z.string(),
  kind: hostKindSchema,
  role: nodeRoleSchema,
  state: nodeStateSchema,
  /** One sentence on why the state is what it is; empty when there is nothing to say. */
  detail: z.string(),
  address: z.string().nullable(),
  postgres: z.string().nullable(),
  api: z.string(),
  dataDir: z.string().optional(),
  timeline: z.number().nullable(),
  lsn: z.string().nullable(),
  lagBytes: z.number().nullable(),
  lagMs: z.number().nullable(),
  sync: z.enum(['quorum', 'async', 'none']),
  raft: z.enum(['voter', 'learner', 'none']),
  maintenance: z.boolean(),
  zone: z.string().nullable().default(null),
  /** Standby: the member whose WAL it receives right now. */
  streamsFrom: z.string().nullable().default(null),
  policy: nodePolicySchema.default(usualPolicy),
  /** What a person has set for it, in a word or two each. */
  notes: z.array(z.string()).default([]),
  /** Older releases say nothing of it. */
  troubles: z.array(troubleSchema).default([]),
  /** Of the running PostgreSQL, and of QuantaDB's daemon. */
  postgresVersion: z.string().nullable().default(null),
  daemonVersion: z.string().nullable().default(null),
  /** Parameters whose new value takes effect with the next restart of PostgreSQL. */
  pendingRestart: z.array(z.string()).default([]),
  clone: z.object({ doneBytes: z.number(), totalBytes: z.number().nullable() }).nullable(),
  pids: z
    .object({
      daemon: z.number().nullable(),
      reaper: z.number().nullable(),
      postgres: z.number().nullable(),
      routers: z.array(z.number()),
    })
    .optional(),
});
export type NodeStatus = z.infer<typeof nodeStatusSchema>;

/** No majority of the voters answers: nobody can be primary, and what serves, serves reads. */
export const noQuorumSchema = z.object({
  sinceMs: z.number(),
  /** Voters that do not answer, and how many of them it takes. */
  missing: z.array(z.string()),
  needed: z.number().int(),
  readers: z.array(z.object({ node: z.string(), asOfMs: z.number().nullable() })),
  /** Nodes whose clients are shut out, and why. */
  closed: z.array(z.object({ node: z.string(), reason: z.string() })),
});
export type NoQuorum = z.infer<typeof noQuorumSchema>;

/** Clusters that follow this one, as its primary sees them. */
export const followersSchema = z.array(
  z.object({
    cluster: z.string(),
    /** In PostgreSQL's words; `disconnected` when it was there before. */
    state: z.string(),
    lagBytes: z.number().nullable(),
    lagMs: z.number().nullable(),
  }),
);
export type Followers = z.infer<typeof followersSchema>;

/** Whom a standby cluster follows, and how far behind it is. */
export const sourceStatusSchema = z.object({
  name: z.string(),
  /** The node that streams from it. */
  leader: z.string(),
  isStreaming: z.boolean(),
  /** As seen now: it takes writes, it has no primary that does, or none of its daemons answers. */
  state: z.enum(['open', 'no-primary', 'silent']),
  lagBytes: z.number().nullable(),
  lagMs: z.number().nullable(),
});
export type SourceStatus = z.infer<typeof sourceStatusSchema>;

/** Each vote is told by its candidate's verdict already; the voters' whole histories stay in the log. */
export const failoverViewSchema = failoverSchema.omit({ votes: true });
export type FailoverView = z.infer<typeof failoverViewSchema>;
/** Nothing more becomes of a failover in one of these. */
export const endedFailoverStates: ReadonlySet<FailoverView['state']> = new Set(['DONE', 'ABANDONED']);

export const clusterStatusSchema = z.object({
  name: z.string(),
  health: z.enum(['healthy', 'degraded', 'down']),
  verdict: z.string(),
  primary: z.string().nullable(),
  epoch: z.number(),
  timeline: z.number(),
  durability: z.string(),
  revision: z.number(),
  raft: z.object({ leader: z.string().nullable(), term: z.number() }),
  connect: z.string().nullable(),
  routers: z.array(
    z.object({
      node: z.string(),
      address: z.string(),
      /** Null from older releases. */
      traffic: routerTrafficSchema.nullable().default(null),
    }),
  ),
  /** Settings of every router that differ from the usual ones. */
  router: toldRouterSettingsSchema.default({}),
  nodes: z.array(nodeStatusSchema),
  noQuorum: noQuorumSchema.nullable().default(null),
  /** Who sees whom; null from older releases. */
  network: networkSchema.nullable().default(null),
  /** Operations that wait for their time, the earliest first. */
  scheduled: z.array(scheduledSchema).default([]),
  /** Null in usual clusters. */
  source: sourceStatusSchema.nullable().default(null),
  followers: followersSchema.default([]),
  /** How much may still happen to it; null: nothing is promised now (no primary, writes wait), or an older release. */
  spare: z
    .object({
      /** Nodes that may be lost without losing an acknowledged write, and without writes stopping. */
      nodes: z.number().int().min(0),
      /** The primary alone acknowledges writes. */
      isPrimaryAlone: z.boolean(),
    })
    .nullable()
    .default(null),
  /** Null from older releases. */
  backups: z
    .object({
      isSetUp: z.boolean(),
      /** When a drill or a verification last found them whole; null: never, as far as is remembered. */
      provenAtMs: z.number().nullable(),
    })
    .nullable()
    .default(null),
  /** What would make the cluster survive more, in words. */
  advice: z.string().nullable().default(null),
  /** The failover or switchover under way, or the last one, explained. Null: there was none. */
  failover: failoverViewSchema.nullable().default(null),
});
export type ClusterStatus = z.infer<typeof clusterStatusSchema>;

export const hostStatusSchema = z.object({
  name: z.string(),
  state: z.enum(['available', 'joining', 'member', 'unreachable']),
  cluster: z.string().nullable(),
  api: z.string(),
});
export type HostStatus = z.infer<typeof hostStatusSchema>;

export const systemStatusSchema = z.object({
  console: z.string().nullable(),
  hosts: z.array(hostStatusSchema),
  clusters: z.array(clusterStatusSchema),
});
export type SystemStatus = z.infer<typeof systemStatusSchema>;
