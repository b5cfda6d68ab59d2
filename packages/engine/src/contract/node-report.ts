import { z } from 'zod';
import {
  addressesSchema,
  clusterStateSchema,
  hostKindSchema,
  lsnSchema,
  nodeNameSchema,
} from './cluster-state.ts';
import { contactsSchema } from './network.ts';
import { routerTrafficSchema } from './router-settings.ts';
import { nodeRoleSchema, nodeStateSchema, troubleSchema } from './status.ts';

/** What a data node can still do without a primary. */
export const degradedSchema = z.object({
  /** It knows a Raft leader: the cluster has a majority, and no node that may be promoted. */
  hasQuorum: z.boolean(),
  /** Clients are let in, read-only. */
  reads: z.boolean(),
  sinceMs: z.number(),
  /** When the newest transaction that can be read was committed; wall clock of its primary. */
  asOfMs: z.number().nullable(),
  reason: z.string().max(1000),
});
export type Degraded = z.infer<typeof degradedSchema>;

/** How near a daemon lately came to its limits, in milliseconds over the last half minute; null where it does not apply. */
export const vitalsSchema = z.object({
  mainLoopDelayMsMax: z.number().nullable(),
  probeMsMax: z.number().nullable(),
  leaseRemainingMsMin: z.number().nullable(),
});

/** What one daemon says about itself (GET /api/node). Observed, never agreed on. */
export const nodeReportSchema = z.object({
  name: nodeNameSchema,
  version: z.string(),
  /** What its daemon can apply; releases before it was counted say nothing. */
  featureLevel: z.number().int().min(1).default(1),
  atMs: z.number(),
  /** How long this daemon has been up; null: an older release, which does not say. */
  uptimeMs: z.number().nullable().default(null),
  /** Something starts the daemon again when it ends. */
  isSupervised: z.boolean().default(false),
  /** Of the running PostgreSQL, as "15.18". */
  postgresVersion: z.string().nullable().default(null),
  cluster: z.object({ id: z.string(), name: z.string() }).nullable(),
  host: z.enum(['available', 'joining', 'member']),
  addresses: addressesSchema,
  kind: hostKindSchema,
  role: nodeRoleSchema,
  state: nodeStateSchema,
  detail: z.string(),
  epoch: z.number().int(),
  sealedEpoch: z.number().int(),
  timeline: z.number().int().nullable(),
  /** Primary: insert position; standby: end of WAL flushed by the receiver. */
  lsn: lsnSchema.nullable(),
  replayLsn: lsnSchema.nullable(),
  receiverStatus: z.string().nullable(),
  /** Standby: the member whose WAL it receives right now. */
  streamsFrom: nodeNameSchema.nullable().default(null),
  leaseRemainingMs: z.number().nullable(),
  vitals: vitalsSchema.nullable().default(null),
  /** Null in normal service, and from older releases. */
  degraded: degradedSchema.nullable().default(null),
  /** Whom this node hears. */
  contacts: contactsSchema.default([]),
  /** What the standbys that stream from here have confirmed: the primary's, and those of a standby that feeds others. */
  standbys: z.array(
    z.object({
      name: z.string(),
      state: z.string(),
      sync: z.string(),
      writeLsn: lsnSchema.nullable(),
      flushLsn: lsnSchema.nullable(),
      replayLsn: lsnSchema.nullable(),
      lagBytes: z.number().nullable(),
      lagMs: z.number().nullable(),
    }),
  ),
  clone: z.object({ doneBytes: z.number(), totalBytes: z.number().nullable() }).nullable(),
  /** Parameters whose new value takes effect with the next restart of PostgreSQL. */
  pendingRestart: z.array(z.string()).default([]),
  /** On the primary: roles and databases whose commits wait for less than the cluster promises, in words. */
  unguarded: z.array(z.string()).default([]),
  /** Commits whose wait for the standbys a client or an administrator gave up, since the daemon came up. */
  cancelledWaits: z.number().int().min(0).default(0),
  /** A standby: the primary's logical slots that a promotion of this node would not keep, and why. */
  slotsNotReady: z.array(z.object({ name: z.string(), reason: z.string() })).optional(),
  /** Which of the cluster's parameters PostgreSQL was last told (`configurationMark`); null: none yet. */
  configuration: z.string().nullable().default(null),
  /** Until when this host's certificate is good; wall clock. */
  certificateUntilMs: z.number().nullable().default(null),
  raft: z
    .object({
      role: z.string(),
      term: z.number(),
      leader: z.string().nullable(),
      commitIndex: z.number(),
      appliedIndex: z.number(),
      fsyncMsMax: z.number(),
      loopDelayMsMax: z.number(),
    })
    .nullable(),
  pids: z.object({
    daemon: z.number().nullable(),
    reaper: z.number().nullable(),
    postgres: z.number().nullable(),
    routers: z.array(z.number()),
  }),
  dataDir: z.string().nullable(),
  /** The router of this host, when it is open for clients. */
  router: routerTrafficSchema
    .extend({ address: z.object({ host: z.string(), port: z.number().int() }) })
    .nullable()
    .default(null),
  /** Of the router that should be open, and of hooks. */
  troubles: z.array(troubleSchema).default([]),
});
export type NodeReport = z.infer<typeof nodeReportSchema>;

/** GET /api/state: the replicated state as this daemon has applied it. */
export const stateAnswerSchema = z.object({ node: nodeNameSchema, state: clusterStateSchema.nullable() });
