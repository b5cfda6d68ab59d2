import { accessChangeSchema } from '@quantadb/engine/contract/access';
import { backupRequestSchemas } from '@quantadb/engine/contract/backup';
import {
  durabilitySchema,
  nodeNameSchema,
  operationStepSchema,
} from '@quantadb/engine/contract/cluster-state';
import { nodeChangeSchema, parameterChangesSchema } from '@quantadb/engine/contract/operations';
import { ownDurabilityChangeSchema } from '@quantadb/engine/contract/own-durability';
import { restoreInPlaceSchema } from '@quantadb/engine/contract/restore';
import { routerChangesSchema } from '@quantadb/engine/contract/router-settings';
import { scheduleRequestSchemas } from '@quantadb/engine/contract/schedule';
import { clusterStatusSchema } from '@quantadb/engine/contract/status';
import { z } from 'zod';

/** What the API answers with. Moments are ISO 8601 in UTC. */

export const moment = z.iso.datetime();
export const clusterIdSchema = z.uuid();
/** `none`: nothing, for whoever has roles on single clusters only. */
export const roleSchema = z.enum(['none', 'viewer', 'operator', 'admin']);

const clusterRolesMax = 500;
/** Roles on single clusters, which count there instead of the role on all. */
export const clusterRolesSchema = z
  .array(z.object({ clusterId: clusterIdSchema, role: roleSchema }))
  .max(clusterRolesMax)
  .refine((roles) => new Set(roles.map(({ clusterId }) => clusterId.toLowerCase())).size === roles.length, {
    message: 'a cluster is named twice',
  });

export const clusterSchema = z.object({
  id: clusterIdSchema,
  name: z.string(),
  status: clusterStatusSchema,
  /** When a node of the cluster last reported this. */
  reportedAt: moment,
  /** How old that was when this was answered, by the clock of the console. Older than ten seconds is stale. */
  ageMs: z.number(),
});

export const hostSchema = z.object({
  name: z.string(),
  kind: z.string(),
  state: z.enum(['available', 'member', 'unreachable']),
  cluster: z.string().nullable(),
  clusterId: z.string().nullable(),
  version: z.string().nullable(),
  enrolledAt: moment,
  lastSeenAt: moment.nullable(),
  certificateExpiresAt: moment,
});

export const eventSchema = z.object({
  id: z.number().int(),
  at: moment,
  severity: z.string(),
  kind: z.string(),
  node: z.string().nullable(),
  message: z.string(),
});

export const operationViewSchema = z.object({
  id: z.string(),
  clusterId: clusterIdSchema,
  cluster: z.string(),
  kind: z.string(),
  state: z.string(),
  params: z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()])),
  requestedBy: z.string(),
  reason: z.string(),
  steps: z.array(operationStepSchema),
  error: z.string().nullable(),
  startedAt: moment,
  endedAt: moment.nullable(),
});

/** What a person asks for; the control plane adds what it knows (a host's addresses). */
export const intentSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('add-node'), host: nodeNameSchema }),
  z.object({ kind: z.literal('remove-node'), node: nodeNameSchema }),
  z.object({ kind: z.literal('switchover'), to: nodeNameSchema.nullable() }),
  z.object({
    kind: z.literal('set-maintenance'),
    node: nodeNameSchema,
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
  z.object({ kind: z.literal('restart-node'), node: nodeNameSchema }),
  z.object({ kind: z.literal('reinitialise-node'), node: nodeNameSchema }),
  z.object({ kind: z.literal('replace-node'), node: nodeNameSchema, host: nodeNameSchema }),
  z.object({ kind: z.literal('rolling-restart') }),
  z.object({ kind: z.literal('restart-daemons') }),
  z.object({
    kind: z.literal('upgrade-postgres'),
    directory: z
      .string()
      .regex(/^\/[\x20-\x7e]*$/)
      .max(500)
      .nullable(),
  }),
  z.object({ kind: z.literal('set-parameters'), parameters: parameterChangesSchema }),
  z.object({ kind: z.literal('set-router'), settings: routerChangesSchema }),
  z.object({ kind: z.literal('set-durability'), durability: durabilitySchema }),
  z.object({ kind: z.literal('set-own-durability'), change: ownDurabilityChangeSchema }),
  z.object({ kind: z.literal('set-access'), change: accessChangeSchema }),
  z.object({ kind: z.literal('set-node'), node: nodeNameSchema, change: nodeChangeSchema }),
  z.object({ kind: z.literal('promote-cluster'), insist: z.boolean().default(false) }),
  z.object({ kind: z.literal('forget-follower'), cluster: nodeNameSchema }),
  z.object({ kind: z.literal('retry-operation'), operation: z.string().min(1).max(100).nullable() }),
  z.object({ kind: z.literal('cancel-operation'), operation: z.string().min(1).max(100).nullable() }),
  ...backupRequestSchemas,
  restoreInPlaceSchema,
  ...scheduleRequestSchemas,
]);
export type Intent = z.infer<typeof intentSchema>;

export const tokenSchema = z.object({
  id: z.string(),
  name: z.string(),
  role: roleSchema,
  clusterRoles: clusterRolesSchema,
  createdBy: z.string(),
  createdAt: moment,
  expiresAt: moment.nullable(),
  lastUsedAt: moment.nullable(),
  revokedAt: moment.nullable(),
});

export const personSchema = z.object({
  id: z.string(),
  name: z.string(),
  email: z.string(),
  role: roleSchema,
  clusterRoles: clusterRolesSchema,
  hasSecondFactor: z.boolean(),
  createdAt: moment,
});

export const auditEntrySchema = z.object({
  id: z.string(),
  /** That the request named. */
  clusterId: z.string().nullable(),
  at: moment,
  actorKind: z.string(),
  actor: z.string(),
  /** From where it was asked; for administrators of the installation only. */
  address: z.string().nullable(),
  action: z.string(),
  target: z.string(),
  reason: z.string(),
  before: z.unknown(),
  after: z.unknown(),
  outcome: z.string(),
  detail: z.string(),
});
