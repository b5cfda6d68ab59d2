import { z } from 'zod';
import { backupOperationKinds, backupStateSchema } from './backup.ts';
import { nodeNameSchema } from './names.ts';
import { networkSchema } from './network.ts';
import { toldRouterSettingsSchema } from './router-settings.ts';
import { scheduledSchema, scheduleOperationKinds } from './schedule.ts';
import { followerSchema, sourceSchema } from './source.ts';

/**
 * The shape of what the cluster agrees on (the replicated state of its Raft log). Everything here is decided by
 * commands in the log; what is merely observed (positions, lag, health) lives in node reports instead.
 */

export { nodeNameSchema } from './names.ts';

const endpointSchema = z.object({
  host: z.string().min(1).max(255),
  port: z.number().int().min(1).max(65_535),
});

export const addressesSchema = z.object({
  /** Raft frames over mutual TLS. */
  raft: endpointSchema,
  /** HTTP: health endpoints in the clear, everything else over mutual TLS. */
  api: endpointSchema,
  /** PostgreSQL itself. Witnesses have none. */
  postgres: endpointSchema.nullable(),
});
export type Addresses = z.infer<typeof addressesSchema>;

/** Positions in WAL are hexadecimal `X/Y` strings as PostgreSQL prints them; compare with `postgres/lsn.ts` only. */
export const lsnSchema = z.string().regex(/^[0-9A-F]{1,8}\/[0-9A-F]{1,8}$/);

/** Takes no reads, is never a failover candidate, and ends by itself. */
export const maintenanceSchema = z.object({
  reason: z.string().max(500),
  sinceMs: z.number(),
  /** Wall clock of the decider; null: until somebody ends it. */
  untilMs: z.number().nullable(),
  by: z.string().max(100),
});
export type Maintenance = z.infer<typeof maintenanceSchema>;

/** PostgreSQL counts `recovery_min_apply_delay` in 31 bits of milliseconds, 24.8 days. */
const applyDelayMsMax = 24 * 24 * 3_600_000;

/** What a person wants a node to be used for. None of it ever weighs more than acknowledged writes. */
export const nodePolicySchema = z.object({
  /** Of two nodes that hold the same WAL the one with the higher number becomes primary. */
  priority: z.number().int().min(0).max(100),
  /** It votes, and is waited for, and is never made primary. */
  noFailover: z.boolean(),
  /** Health endpoints and routers send no reads to it. */
  noLoadBalance: z.boolean(),
  /** Its share of the reads, against those of the others; `usualWeight` when nobody has set any. Since level 3. */
  weight: z.number().int().min(1).max(100).optional(),
  /** The standby that it streams from instead of the primary; null, like absent: none. Since level 4. */
  upstream: nodeNameSchema.nullable().optional(),
  /** It shows every commit so much later, on purpose; 0, like absent: at once. Since level 4. */
  applyDelayMs: z.number().int().min(0).max(applyDelayMsMax).optional(),
});
export type NodePolicy = z.infer<typeof nodePolicySchema>;
export const usualWeight = 10;
export const usualPolicy: NodePolicy = { priority: 50, noFailover: false, noLoadBalance: false };

/** Where a node stands: what fails together has the same name. */
export const zoneSchema = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, 'letters, digits, dots and dashes');

/** `data` runs PostgreSQL, `witness` only votes on who is primary, `router` neither: it takes clients to the others. */
export const hostKindSchema = z.enum(['data', 'witness', 'router']);
export type HostKind = z.infer<typeof hostKindSchema>;

export const memberSchema = z.object({
  name: nodeNameSchema,
  /** Never reused: a host that lost its Raft state comes back under a new id (Raft paper §6 assumes stable storage). */
  raftId: z.number().int().min(1),
  kind: hostKindSchema,
  addresses: addressesSchema,
  zone: z.string().max(64).nullable(),
  /** `joining` until its first clone has streamed; a joining node is no failover candidate. */
  phase: z.enum(['joining', 'active', 'leaving']),
  maintenance: maintenanceSchema.nullable(),
  policy: nodePolicySchema.default(usualPolicy),
});
export type Member = z.infer<typeof memberSchema>;

export const timelineSchema = z.object({
  id: z.number().int().min(1),
  /** Null for the timeline initdb made. */
  parentId: z.number().int().min(1).nullable(),
  /** Where it leaves its parent; null while it is only allocated by a grant. */
  forkLsn: lsnSchema.nullable(),
  epoch: z.number().int().min(1),
  status: z.enum(['allocated', 'recorded', 'abandoned']),
});
export type TimelineRecord = z.infer<typeof timelineSchema>;

/**
 * {primary L, electors V, votes q, set S, count n}: a commit waits for n of S, an election for the candidate and q
 * votes of V ∪ {L}. The two always meet while |V ∪ S ∪ {L}| ≤ n + q + 1.
 */
export const syncSetSchema = z.object({
  electors: z.array(nodeNameSchema),
  votes: z.number().int().min(0),
  standbys: z.array(nodeNameSchema),
  count: z.number().int().min(0),
});
export type SyncSet = z.infer<typeof syncSetSchema>;

/** The part of the sync set that PostgreSQL acts on: a commit waits for `count` of `standbys`. */
export const syncSettingSchema = syncSetSchema.pick({ standbys: true, count: true });
export type SyncSetting = z.infer<typeof syncSettingSchema>;

/** Where a move of the sync set stands (docs/SPEC.md, "A move of the sync set"). */
export const syncProgressSchema = z.object({
  /** Counts every change of the set: what a command expects to find, and what PostgreSQL never goes back behind. */
  move: z.number().int().min(0),
  /** Earlier settings by which PostgreSQL may have acknowledged a commit that not yet enough of the set hold. */
  unconfirmed: z.array(syncSettingSchema),
});
export type SyncProgress = z.infer<typeof syncProgressSchema>;

export const durabilityModeSchema = z.enum(['async', 'quorum', 'all']);
export type DurabilityMode = z.infer<typeof durabilityModeSchema>;

export const durabilitySchema = z.object({
  mode: durabilityModeSchema,
  /** `strict` blocks rather than loses; `available` drops a standby that does not confirm for `syncTimeoutMs`. */
  strictness: z.enum(['strict', 'available']),
  syncTimeoutMs: z.number().int().min(1000).max(3_600_000).default(10_000),
  /** A commit waits for standbys in other zones than the primary's, as long as there are enough of them. */
  acrossZones: z.boolean().optional(),
});
export type Durability = z.infer<typeof durabilitySchema>;

export const walPositionSchema = z.object({ timeline: z.number().int().min(1), lsn: lsnSchema });
export type WalPosition = z.infer<typeof walPositionSchema>;

/** What an elector answers when it is asked to seal. */
export const sealVoteSchema = z.discriminatedUnion('ok', [
  z.object({
    ok: z.literal(true),
    node: nodeNameSchema,
    position: walPositionSchema,
    /** Where each timeline of its own past left its parent, from its newest .history file. */
    history: z.array(
      z.object({ timeline: z.number().int().min(1), parentId: z.number().int().min(1), forkLsn: lsnSchema }),
    ),
    /** Its PostgreSQL runs and could be promoted. */
    promotable: z.boolean(),
    whyNotPromotable: z.string().nullable(),
    /** True when this node is the old primary, still serving under a lease (a veto against promotion of another). */
    livePrimary: z.boolean(),
  }),
  z.object({ ok: z.literal(false), node: nodeNameSchema, reason: z.string() }),
]);
export type SealVote = z.infer<typeof sealVoteSchema>;

export const failoverStateSchema = z.enum([
  'SEAL',
  'COLLECT',
  'NO_SAFE_CANDIDATE',
  'GRANT',
  'PREPARE_SYNC',
  'REPOINT',
  'PROMOTE',
  'RECORD_TIMELINE',
  'OPEN_ROUTING',
  'REJOIN',
  'DONE',
  'ABANDONED',
]);
export type FailoverState = z.infer<typeof failoverStateSchema>;

export const failoverSchema = z.object({
  id: z.string(),
  kind: z.enum(['failover', 'switchover']),
  /** The epoch that is being established; it replaces `fromEpoch`. */
  epoch: z.number().int().min(1),
  fromEpoch: z.number().int().min(0),
  oldPrimary: nodeNameSchema.nullable(),
  /** The node a person asked for; whoever finishes the election honours it as long as that is safe. */
  preferred: nodeNameSchema.nullable().default(null),
  state: failoverStateSchema,
  /** Some of what was acknowledged may have waited for no standby: `async`, or not out of it yet. */
  mayLose: z.boolean().optional(),
  reason: z.string(),
  startedAtMs: z.number(),
  detection: z.object({
    silentForMs: z.number().nullable(),
    detail: z.string(),
    /**
     * What each voter said: whether it hears the primary serve, and whether the primary's daemon answers it at all.
     * Null: that voter could not be asked.
     */
    witnesses: z
      .array(
        z.object({
          node: nodeNameSchema,
          hears: z.boolean().nullable(),
          answers: z.boolean().nullable(),
          detail: z.string().max(500),
        }),
      )
      .max(64)
      .optional(),
    /** Who saw whom at that moment. */
    network: networkSchema.optional(),
  }),
  votes: z.array(sealVoteSchema),
  candidates: z.array(
    z.object({
      node: nodeNameSchema,
      position: walPositionSchema.nullable(),
      chosen: z.boolean(),
      verdict: z.string(),
      /** Voters that hold no more WAL than this one: the score that must reach the needed votes. */
      supporters: z.array(nodeNameSchema).optional(),
    }),
  ),
  /** Votes it takes beside the candidate's own. */
  neededVotes: z.number().int().optional(),
  candidate: nodeNameSchema.nullable(),
  /** What the new primary was given; absent until then. `promote` is false when the old one simply goes on. */
  grant: z
    .object({
      atMs: z.number(),
      promote: z.boolean(),
      timeline: z.number().int().min(1),
      parentTimeline: z.number().int().min(1),
      syncSet: syncSetSchema,
    })
    .optional(),
  /** What would unblock a NO_SAFE_CANDIDATE, in words. */
  blockedBy: z.string().nullable(),
  steps: z.array(z.object({ state: failoverStateSchema, atMs: z.number(), detail: z.string() })),
  dataLoss: z.object({ possible: z.boolean(), detail: z.string() }).nullable(),
});
export type Failover = z.infer<typeof failoverSchema>;

export const operationKindSchema = z.enum([
  'create-cluster',
  'adopt-server',
  'add-node',
  'remove-node',
  'replace-node',
  'switchover',
  'set-maintenance',
  'set-durability',
  'set-own-durability',
  'restart-node',
  'rolling-restart',
  'upgrade-postgres',
  'restart-daemons',
  'reinitialise-node',
  'set-parameters',
  'set-router',
  'set-access',
  'set-node',
  ...backupOperationKinds,
  ...scheduleOperationKinds,
  'restore-cluster',
  'restore-in-place',
  'create-standby-cluster',
  'promote-cluster',
  'forget-follower',
]);
export type OperationKind = z.infer<typeof operationKindSchema>;

export const operationStepSchema = z.object({
  name: z.string(),
  state: z.enum(['pending', 'running', 'done', 'failed', 'skipped']),
  detail: z.string(),
  startedAtMs: z.number().nullable(),
  endedAtMs: z.number().nullable(),
});

export const operationSchema = z.object({
  id: z.string(),
  kind: operationKindSchema,
  state: z.enum(['running', 'done', 'failed', 'cancelled']),
  params: z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()])),
  requestedBy: z.string().max(100),
  reason: z.string().max(500),
  steps: z.array(operationStepSchema),
  error: z.string().nullable(),
  startedAtMs: z.number(),
  endedAtMs: z.number().nullable(),
  /** Somebody wants it to stop; what it has begun is taken back before it ends. */
  cancel: z.object({ by: z.string().max(100), atMs: z.number() }).optional(),
  /** The failed operation that it goes on with. */
  retryOf: z.string().max(100).optional(),
});
export type Operation = z.infer<typeof operationSchema>;
export type OperationStep = z.infer<typeof operationStepSchema>;

export const clusterEventSchema = z.object({
  id: z.number().int(),
  atMs: z.number(),
  severity: z.enum(['info', 'warning', 'critical']),
  kind: z.string(),
  node: nodeNameSchema.nullable(),
  message: z.string(),
});
export type ClusterEvent = z.infer<typeof clusterEventSchema>;

/** A cluster that goes back to a moment of before, where it runs. */
export const restoringSchema = z.object({
  /** Of the operation: it ends with that. */
  id: z.string(),
  node: nodeNameSchema,
  /**
   * `preparing`: the moment is restored beside the running data. `ready`: it waits there. `placing`: nobody is primary, and the
   * node alone acts: it puts the copy in the place of its data. `opening`: the new reign is granted, and not open yet.
   */
  phase: z.enum(['preparing', 'ready', 'placing', 'opening']),
  /** Kept free for the copy, which has to open a timeline of its own. */
  timeline: z.number().int().min(1),
  /** Of the reign that begins with the copy. */
  epoch: z.number().int().min(1).nullable(),
  history: z
    .array(z.object({ timeline: z.number().int(), parentId: z.number().int(), forkLsn: lsnSchema }))
    .max(1000),
  words: z.string().max(500),
  /** What stands again when it comes to nothing. */
  before: z
    .object({ timeline: z.number().int(), syncSet: syncSetSchema, unconfirmed: z.array(syncSettingSchema) })
    .nullable(),
});
export type Restoring = z.infer<typeof restoringSchema>;

export const pastRestoreSchema = z.object({
  id: z.string(),
  node: nodeNameSchema,
  outcome: z.enum(['restored', 'abandoned']),
  atMs: z.number(),
  words: z.string().max(500),
});

export const clusterStateSchema = z.object({
  /** Of this shape; a daemon refuses a snapshot that is newer than it knows. */
  version: z.literal(1),
  /** Counts applied commands: an optimistic lock for plans. */
  revision: z.number().int(),
  /** What every daemon of the cluster can apply (`feature-level.ts`); absent: 1. */
  level: z.number().int().min(1).optional(),
  clusterId: z.string(),
  name: nodeNameSchema,
  createdAtMs: z.number(),
  nextRaftId: z.number().int(),
  systemIdentifier: z.string().nullable(),
  /** It began with a server that had a past: until the first reign nobody touches that server but the adoption. */
  adopted: z.boolean().optional(),
  /** Whom the cluster follows; absent in usual clusters. Since level 4. */
  source: sourceSchema.optional(),
  /** The clusters that follow this one. Since level 10. */
  followers: z.record(nodeNameSchema, followerSchema).optional(),
  members: z.record(nodeNameSchema, memberSchema),
  /** Who may be primary: `primary` holds (or may acquire) the lease of `epoch`. */
  reign: z.object({
    epoch: z.number().int(),
    primary: nodeNameSchema.nullable(),
    timeline: z.number().int(),
    /** How long the primary's lease may last while its daemon is replaced; absent: as usual. Since level 6. */
    leaseMs: z.number().int().min(1).optional(),
  }),
  timelines: z.array(timelineSchema),
  syncSet: syncSetSchema,
  syncProgress: syncProgressSchema.default({ move: 0, unconfirmed: [] }),
  durability: durabilitySchema,
  /** Cluster-wide PostgreSQL parameters chosen by the user, beside the ones QuantaDB owns. */
  parameters: z.record(z.string(), z.string()),
  /** Extra `pg_hba.conf` lines for clients, after QuantaDB's own. */
  hba: z.array(z.string().max(500)),
  /** Absent until backups were configured. */
  backup: backupStateSchema.optional(),
  /** Since level 5. */
  restoring: restoringSchema.optional(),
  /** Whose copies were put in place or taken back: what a node that was away goes by. Since level 5. */
  pastRestores: z.array(pastRestoreSchema).optional(),
  failover: failoverSchema.nullable(),
  pastFailovers: z.array(failoverSchema),
  operation: operationSchema.nullable(),
  pastOperations: z.array(operationSchema),
  /** What waits for its time, the earliest first. Since level 3. */
  scheduled: z.array(scheduledSchema).optional(),
  /** Settings of every router that differ from the usual ones. */
  router: toldRouterSettingsSchema.optional(),
  events: z.array(clusterEventSchema),
  nextEventId: z.number().int(),
});
export type ClusterState = z.infer<typeof clusterStateSchema>;
