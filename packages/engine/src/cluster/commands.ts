import { z } from 'zod';
import { accessLineSchema, accessLinesMax } from '../contract/access.ts';
import {
  durabilitySchema,
  failoverSchema,
  failoverStateSchema,
  lsnSchema,
  maintenanceSchema,
  memberSchema,
  nodeNameSchema,
  operationSchema,
  operationStepSchema,
  sealVoteSchema,
  syncSetSchema,
  timelineSchema,
} from '../contract/cluster-state.ts';
import { nodeChangeSchema, parameterChangesSchema } from '../contract/operations.ts';
import { routerChangesSchema } from '../contract/router-settings.ts';
import { scheduledSchema } from '../contract/schedule.ts';
import { followerSchema, sourceMemberSchema, sourceSchema } from '../contract/source.ts';
import { backupCommandSchemas } from './backup-commands.ts';
import { restoreCommandSchemas } from './restore-commands.ts';

/**
 * The commands of the Raft log: the only way ClusterState changes. Each names what it expects to find (an epoch, a
 * failover id, an operation id), so that applying one twice, or after the world moved on, is refused instead of wrong.
 */

const candidatesSchema = failoverSchema.shape.candidates;

/** The rest is the cluster's to decide. */
const newMemberSchema = memberSchema.omit({ raftId: true, phase: true, maintenance: true, policy: true });

export const commandSchema = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('create'),
    clusterId: z.string().min(1),
    name: nodeNameSchema,
    founder: newMemberSchema,
    durability: durabilitySchema,
    parameters: z.record(z.string(), z.string()),
    hba: z.array(z.string().max(500)),
    /** Of a server that was there before the cluster. */
    adopted: z
      .object({
        systemIdentifier: z.string().min(1),
        timeline: z.number().int().min(1),
        history: z.array(z.object({ timeline: z.number().int().min(1), endLsn: lsnSchema })),
      })
      .optional(),
    /** It begins as a copy of another cluster and follows it. */
    following: z
      .object({
        source: sourceSchema,
        systemIdentifier: z.string().min(1),
        timeline: z.number().int().min(1),
        timelines: z.array(timelineSchema).min(1),
      })
      .optional(),
  }),
  z.object({ kind: z.literal('identify'), systemIdentifier: z.string().min(1) }),
  /** The very first reign: nothing was acknowledged before it, so nothing is sealed. */
  z.object({ kind: z.literal('grant-first'), primary: nodeNameSchema }),
  z.object({
    kind: z.literal('add-member'),
    member: newMemberSchema,
  }),
  z.object({
    kind: z.literal('set-phase'),
    node: nodeNameSchema,
    phase: z.enum(['joining', 'active', 'leaving']),
  }),
  z.object({ kind: z.literal('remove-member'), node: nodeNameSchema }),
  z.object({
    kind: z.literal('set-maintenance'),
    node: nodeNameSchema,
    maintenance: maintenanceSchema.nullable(),
  }),
  z.object({ kind: z.literal('set-node'), node: nodeNameSchema, change: nodeChangeSchema }),
  z.object({
    kind: z.literal('begin-failover'),
    id: z.string(),
    failoverKind: z.enum(['failover', 'switchover']),
    /** The epoch of the reign (or of the failed attempt) that this one replaces. */
    fromEpoch: z.number().int().min(0),
    reason: z.string(),
    detection: failoverSchema.shape.detection,
    /** Whom a person asked for (switchover). */
    preferred: nodeNameSchema.nullable().default(null),
    supersedes: z.string().nullable(),
  }),
  z.object({
    kind: z.literal('block-failover'),
    id: z.string(),
    votes: z.array(sealVoteSchema),
    candidates: candidatesSchema,
    blockedBy: z.string(),
  }),
  /** The primary's daemon is about to be replaced, or was. Since level 6. */
  z.object({
    kind: z.literal('set-lease'),
    epoch: z.number().int().min(1),
    primary: nodeNameSchema,
    /** Null: as usual. */
    leaseMs: z.number().int().min(1).max(120_000).nullable(),
  }),
  z.object({
    kind: z.literal('grant'),
    failoverId: z.string(),
    epoch: z.number().int().min(1),
    candidate: nodeNameSchema,
    /** False when a healthy old primary simply goes on under the new epoch. */
    promote: z.boolean(),
    parentTimeline: z.number().int().min(1),
    /** The candidate's own past: a timeline that was opened but never recorded becomes recorded when it is built on. */
    history: z.array(
      z.object({ timeline: z.number().int().min(1), parentId: z.number().int().min(1), forkLsn: lsnSchema }),
    ),
    votes: z.array(sealVoteSchema),
    candidates: candidatesSchema,
  }),
  z.object({
    kind: z.literal('record-timeline'),
    epoch: z.number().int().min(1),
    timeline: z.number().int().min(1),
    forkLsn: lsnSchema,
    node: nodeNameSchema,
    steps: z.array(z.object({ state: failoverStateSchema, atMs: z.number(), detail: z.string() })),
  }),
  z.object({
    kind: z.literal('end-failover'),
    id: z.string(),
    state: z.enum(['DONE', 'ABANDONED']),
    detail: z.string(),
  }),
  /** One step from the set whose number is `expected`; the log then says what PostgreSQL is about to be told. */
  z.object({
    kind: z.literal('move-sync-set'),
    epoch: z.number().int().min(1),
    expected: z.number().int().min(0).default(0),
    syncSet: syncSetSchema,
  }),
  /** PostgreSQL follows the set of that number, and enough of its standbys hold every earlier commit. */
  z.object({
    kind: z.literal('confirm-sync-set'),
    epoch: z.number().int().min(1),
    expected: z.number().int().min(0),
  }),
  z.object({ kind: z.literal('set-durability'), durability: durabilitySchema }),
  z.object({ kind: z.literal('set-parameters'), parameters: parameterChangesSchema }),
  z.object({ kind: z.literal('set-router'), settings: routerChangesSchema }),
  z.object({ kind: z.literal('begin-operation'), operation: operationSchema, revision: z.number().int() }),
  z.object({
    kind: z.literal('step-operation'),
    id: z.string(),
    step: z.number().int().min(0),
    change: operationStepSchema.pick({ state: true, detail: true }),
  }),
  z.object({ kind: z.literal('schedule'), entry: scheduledSchema }),
  z.object({
    kind: z.literal('unschedule'),
    id: z.string(),
    by: z.string().max(100),
    /** Why it could not begin; null: somebody took it back. */
    why: z.string().max(1000).nullable(),
  }),
  z.object({ kind: z.literal('raise-level'), level: z.number().int().min(2) }),
  z.object({ kind: z.literal('cancel-operation'), id: z.string(), by: z.string().max(100) }),
  z.object({
    kind: z.literal('end-operation'),
    id: z.string(),
    state: z.enum(['done', 'failed', 'cancelled']),
    error: z.string().nullable(),
  }),
  z.object({
    kind: z.literal('note'),
    severity: z.enum(['info', 'warning', 'critical']),
    event: z.string(),
    node: nodeNameSchema.nullable(),
    message: z.string().max(1000),
  }),
  /** The source as it was seen while its primary was open. */
  z.object({
    kind: z.literal('note-source'),
    clusterId: z.string().min(1),
    epoch: z.number().int().min(1),
    primary: nodeNameSchema,
    members: z.array(sourceMemberSchema).min(1).max(100),
    timeline: z.number().int().min(1),
    timelines: z.array(timelineSchema).min(1),
    parameters: z.record(z.string(), z.string()),
    hba: z.array(z.string().max(500)),
  }),
  z.object({
    kind: z.literal('set-standby-leader'),
    node: nodeNameSchema,
    turn: z.number().int().min(0),
    why: z.string().max(500),
  }),
  /** From now on nobody receives WAL of the source, and the nodes are asked to promise `epoch`. */
  z.object({ kind: z.literal('stop-following'), epoch: z.number().int().min(1) }),
  /** The promotion that asked for `epoch` came to nothing. */
  z.object({ kind: z.literal('follow-again'), epoch: z.number().int().min(1) }),
  /** The first reign of a cluster that followed another one. There is no way back. */
  z.object({
    kind: z.literal('end-following'),
    epoch: z.number().int().min(1),
    node: nodeNameSchema,
    parentTimeline: z.number().int().min(1),
    /** The node's own past: it may have been through timelines that nobody has noted yet. */
    history: z.array(
      z.object({ timeline: z.number().int().min(1), parentId: z.number().int().min(1), forkLsn: lsnSchema }),
    ),
  }),
  /** What a cluster that follows this one says of itself: only its hosts, and this cluster's, may replicate. */
  z.object({ kind: z.literal('note-follower'), cluster: nodeNameSchema, ...followerSchema.shape }),
  z.object({ kind: z.literal('forget-follower'), cluster: nodeNameSchema }),
  z.object({ kind: z.literal('set-access'), lines: z.array(accessLineSchema).max(accessLinesMax) }),
  ...backupCommandSchemas,
  ...restoreCommandSchemas,
]);

export type Command = z.infer<typeof commandSchema>;
export type CommandOf<Kind extends Command['kind']> = Extract<Command, { kind: Kind }>;

/** What is written into a Raft entry: the command, its format's version and the proposer's wall clock (for display only). */
export const envelopeSchema = z.object({ version: z.literal(1), atMs: z.number(), command: commandSchema });
export type Envelope = z.infer<typeof envelopeSchema>;

export type CommandResult = { ok: true; raftId?: number } | { ok: false; reason: string };
