import { z } from 'zod';
import { accessChangeSchema } from './access.ts';
import { backupRequestSchemas } from './backup.ts';
import {
  addressesSchema,
  durabilitySchema,
  hostKindSchema,
  nodeNameSchema,
  nodePolicySchema,
  zoneSchema,
} from './cluster-state.ts';
import { ownDurabilityChangeSchema } from './own-durability.ts';
import { restoreClusterSchema, restoreInPlaceSchema } from './restore.ts';
import { restoreWaySchema } from './restore-target.ts';
import { routerChangesSchema } from './router-settings.ts';
import {
  restartDaemonsSchema,
  restartNodeSchema,
  rollingRestartSchema,
  scheduleRequestSchemas,
  switchoverSchema,
  upgradePostgresSchema,
} from './schedule.ts';

const parameterNameSchema = z
  .string()
  .regex(/^[a-z_][a-z0-9_.]{0,62}$/, 'the name of a PostgreSQL parameter');
export const parameterChangesSchema = z
  .record(parameterNameSchema, z.string().max(1000).nullable())
  .refine((changes) => Object.keys(changes).length > 0, 'at least one parameter')
  .refine((changes) => Object.keys(changes).length <= 100, 'at most 100 parameters at once');

export const nodeChangeSchema = nodePolicySchema
  .extend({ zone: zoneSchema.nullable() })
  .partial()
  .refine((change) => Object.values(change).some((value) => value !== undefined), 'at least one change');
export type NodeChange = z.infer<typeof nodeChangeSchema>;

const newHostSchema = z.object({
  name: nodeNameSchema,
  addresses: addressesSchema,
  kind: hostKindSchema.default('data'),
});

const operationIdSchema = z.string().min(1).max(100);

/** What a person or a script can ask a cluster to do. Every request goes plan → confirm → durable steps → history. */
export const operationRequestSchema = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('create-cluster'),
    cluster: nodeNameSchema,
    /** The application's role and database; the password arrives by the local socket only and is never stored. */
    application: z
      .object({ role: nodeNameSchema, database: nodeNameSchema, password: z.string().min(8).max(200) })
      .nullable(),
    parameters: z.record(z.string(), z.string()).default({}),
    hba: z.array(z.string().max(500)).max(100).default([]),
  }),
  /** The server in the host's data directory, which runs without QuantaDB, becomes the first node of a new cluster. */
  z.object({ kind: z.literal('adopt-server'), cluster: nodeNameSchema }),
  z.object({ kind: z.literal('add-node'), host: newHostSchema }),
  /** A spare host joins, then the node leaves. */
  z.object({ kind: z.literal('replace-node'), node: nodeNameSchema, host: newHostSchema }),
  upgradePostgresSchema,
  restartDaemonsSchema,
  z.object({ kind: z.literal('remove-node'), node: nodeNameSchema }),
  switchoverSchema,
  z.object({
    kind: z.literal('set-maintenance'),
    node: nodeNameSchema,
    /** Null ends it; `minutes` null: until somebody ends it. */
    on: z
      .object({
        minutes: z
          .number()
          .int()
          .min(1)
          .max(30 * 24 * 60)
          .nullable(),
      })
      .nullable(),
  }),
  restartNodeSchema,
  rollingRestartSchema,
  /** A standby gives up its data and starts over from a clone. */
  z.object({ kind: z.literal('reinitialise-node'), node: nodeNameSchema }),
  /** PostgreSQL parameters of the whole cluster; null takes one back. */
  z.object({ kind: z.literal('set-parameters'), parameters: parameterChangesSchema }),
  /** Settings of every router of the cluster. */
  z.object({ kind: z.literal('set-router'), settings: routerChangesSchema }),
  /** What a node is used for, and where it stands. */
  z.object({ kind: z.literal('set-node'), node: nodeNameSchema, change: nodeChangeSchema }),
  /** Whom a commit waits for, and what happens when they do not answer. */
  z.object({ kind: z.literal('set-durability'), durability: durabilitySchema }),
  /** What the commits of one role, one database or both wait for. */
  z.object({ kind: z.literal('set-own-durability'), change: ownDurabilityChangeSchema }),
  /** Who may connect from where: lines of pg_hba.conf, beside QuantaDB's own and the usual ones. */
  z.object({ kind: z.literal('set-access'), change: accessChangeSchema }),
  /** Go on with the operation that failed, from the step that failed; null: the newest. */
  z.object({ kind: z.literal('retry-operation'), operation: operationIdSchema.nullable() }),
  /** Stop the operation that runs and take back what it has begun, where that is safe; null: whichever runs. */
  z.object({ kind: z.literal('cancel-operation'), operation: operationIdSchema.nullable() }),
  ...backupRequestSchemas,
  ...scheduleRequestSchemas,
  restoreClusterSchema,
  restoreInPlaceSchema,
  /** The host becomes the first node of a new cluster that follows another one, as a copy of it. */
  z.object({
    kind: z.literal('create-standby-cluster'),
    cluster: nodeNameSchema,
    /** A node of the cluster to follow, and where its daemon answers. */
    source: z.object({
      node: nodeNameSchema,
      host: z.string().min(1).max(255),
      port: z.number().int().min(1).max(65_535),
    }),
  }),
  /** A cluster that follows another one becomes a usual one. There is no way back. */
  z.object({
    kind: z.literal('promote-cluster'),
    /** Although the source takes writes, or a node that may hold more WAL cannot be asked. */
    insist: z.boolean().default(false),
  }),
  /** No WAL is kept any more for a cluster that followed this one, and its hosts are let in no longer. */
  z.object({ kind: z.literal('forget-follower'), cluster: nodeNameSchema }),
]);
export type OperationRequest = z.infer<typeof operationRequestSchema>;
/** Requests that begin an operation of their own; the others are about one that exists. */
export type FreshRequest = Exclude<OperationRequest, { kind: 'retry-operation' | 'cancel-operation' }>;

export { type OperationPlan, operationPlanSchema } from './operation-plan.ts';

export const operationStartSchema = z.object({
  request: operationRequestSchema,
  /** Of the plan that was confirmed; checked again by the decider. */
  planHash: z.string(),
  /** Of that plan, so that a refusal can say what is different by now. */
  way: restoreWaySchema.optional(),
  requestedBy: z.string().max(100),
  reason: z.string().max(500).default(''),
});
export type OperationStart = z.infer<typeof operationStartSchema>;
