import { z } from 'zod';
import {
  repositoryNumberSchema,
  repositorySchema,
  repositorySecretsSchema,
  restorePointSchema,
  verificationSchema,
} from './backup.ts';
import { addressesSchema, nodeNameSchema } from './cluster-state.ts';
import { operationPlanSchema } from './operation-plan.ts';
import { restoreTargetSchema, restoreWaySchema } from './restore-target.ts';

/** Restores to a moment: what is asked for, what it takes, and why it cannot be. */

const recoveryTargetSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('latest') }),
  z.object({ kind: z.literal('backup') }),
  z.object({ kind: z.literal('time'), atMs: z.number(), inclusive: z.boolean() }),
  z.object({ kind: z.literal('lsn'), lsn: z.string(), inclusive: z.boolean() }),
  z.object({ kind: z.literal('xid'), xid: z.string(), inclusive: z.boolean() }),
  z.object({ kind: z.literal('name'), name: z.string() }),
]);

export const restorePlanSchema = z.object({
  label: z.string(),
  timeline: z.number().int(),
  recovery: recoveryTargetSchema,
  endMs: z.number().nullable(),
  databaseBytes: z.number(),
  walSegmentsMax: z.number(),
  expectedMs: z.number().nullable(),
  lost: z.string(),
  warnings: z.array(z.string()),
  /** Which repository it comes from; absent: the only one there is. Since level 8. */
  repository: repositoryNumberSchema.optional(),
  /** Of the latest moment: recovery that ends before it has met WAL that cannot be read, and PostgreSQL says nothing of it. */
  leastLsn: z.string().optional(),
});
export type RestorePlan = z.infer<typeof restorePlanSchema>;

export const restoreRefusalSchema = z.object({
  reason: z.enum([
    'no_backup',
    'before_first_backup',
    'inside_backup',
    'in_gap',
    'after_newest',
    'in_future',
    'abandoned_timeline',
    'not_archived',
    'unknown_point',
    'unusable_backup',
  ]),
  message: z.string(),
  nearest: z.array(z.object({ words: z.string(), target: restoreTargetSchema })),
});
export type RestoreRefusal = z.infer<typeof restoreRefusalSchema>;

export const restorePlanningSchema = z.discriminatedUnion('ok', [
  z.object({ ok: z.literal(true), plan: restorePlanSchema }),
  z.object({ ok: z.literal(false), refusal: restoreRefusalSchema }),
]);
export type RestorePlanning = z.infer<typeof restorePlanningSchema>;

/** Where a cluster that may no longer exist has left its backups. */
export const restoreSourceSchema = z.object({
  stanza: z.string().regex(/^[a-z][a-z0-9-]{0,59}$/, 'lower-case letters, digits and dashes'),
  repository: repositorySchema,
  secrets: repositorySecretsSchema,
  /** Where a repository on another host is reached, by a host that it has been told of. Since level 7. */
  reach: z.object({ host: z.string().max(255), port: z.number().int() }).optional(),
  /** What a cluster that is alive knows beside its repository; null: nobody does. */
  known: z
    .object({
      points: z.array(restorePointSchema).max(500),
      /** When the transaction that is the target was committed. */
      commitMs: z.number().nullable(),
      /** What its last verification of that repository found; hosts of before level 12 do not ask. */
      verified: verificationSchema.nullable().optional(),
    })
    .nullable()
    .optional(),
});
export type RestoreSource = z.infer<typeof restoreSourceSchema>;

/** To a host that is in no cluster: found one there with what a repository holds. Nothing else has to be alive. */
export const restoreClusterSchema = z.object({
  kind: z.literal('restore-cluster'),
  cluster: nodeNameSchema,
  source: restoreSourceSchema,
  target: restoreTargetSchema,
  /** That the plan has shown: another one is not gone without being asked. Absent: whichever there is. */
  way: restoreWaySchema.optional(),
});
export type RestoreClusterRequest = z.infer<typeof restoreClusterSchema>;

/** To a cluster: go back to a moment, where it runs. */
export const restoreInPlaceSchema = z.object({
  kind: z.literal('restore-in-place'),
  target: restoreTargetSchema,
  /** The cluster's name, as whoever confirms it has typed it. Null: the plan is only looked at. */
  confirm: z.string().max(100).nullable().default(null),
  /** Although what is given up could not be restored from the repository. */
  insist: z.boolean().default(false),
});
export type RestoreInPlaceRequest = z.infer<typeof restoreInPlaceSchema>;

/** What the primary finds before a restore in place. */
export const inPlaceOutlookSchema = z.object({
  planning: restorePlanningSchema,
  currentLsn: z.string(),
  /** A position that the restored data has certainly passed; null where positions cannot be compared. */
  leastLsn: z.string().nullable(),
  /** The newest moment that the repository can give back now; null: none. */
  newestMs: z.number().nullable(),
  archivingFailsSinceMs: z.number().nullable(),
  freeBytes: z.number(),
  dataBytes: z.number(),
  /** Where the data of now would be kept. */
  keptBeside: z.string(),
  tablespaces: z.number().int(),
  /** Of people: they are not in a backup. */
  slots: z.array(z.string()).max(1000),
});
export type InPlaceOutlook = z.infer<typeof inPlaceOutlookSchema>;

/** What a node is told to restore beside its running data, and what it says of it. */
export const besideOrderSchema = z.object({
  id: z.string().min(1).max(64),
  attempt: z.number().int().min(1),
  target: restoreTargetSchema,
  /** That the copy is to open. */
  timeline: z.number().int().min(2),
});
export type BesideOrder = z.infer<typeof besideOrderSchema>;

export const besideResultSchema = z.object({
  words: z.string().max(500),
  history: z
    .array(z.object({ timeline: z.number().int(), parentId: z.number().int(), forkLsn: z.string() }))
    .max(1000),
});
export type BesideResult = z.infer<typeof besideResultSchema>;

export const besideLookSchema = z.object({
  state: z.enum(['unknown', 'running', 'done', 'failed']),
  detail: z.string().max(1000),
  percent: z.number().nullable(),
  result: besideResultSchema.nullable(),
});
export type BesideLook = z.infer<typeof besideLookSchema>;

export const restoreQuestionSchema = z.object({
  /** Null: the repository of the cluster that is asked. */
  source: restoreSourceSchema.nullable().default(null),
  target: restoreTargetSchema,
});
export type RestoreQuestion = z.infer<typeof restoreQuestionSchema>;

/** To a member: found a cluster with a moment of its own one, on a host that is in none. */
export const restoreIntoSchema = z.object({
  host: z.object({ name: nodeNameSchema, addresses: addressesSchema }),
  cluster: nodeNameSchema,
  target: restoreTargetSchema,
});
export type RestoreInto = z.infer<typeof restoreIntoSchema>;

export const restoreIntoPlanSchema = z.object({
  planning: restorePlanningSchema,
  /** What the host would do; null when the moment itself is impossible. */
  plan: operationPlanSchema.nullable(),
});
export type RestoreIntoPlan = z.infer<typeof restoreIntoPlanSchema>;

export const restoreIntoStartSchema = restoreIntoSchema.extend({
  planHash: z.string().max(100),
  /** That the plan has shown. */
  way: restoreWaySchema.optional(),
  requestedBy: z.string().max(100),
  reason: z.string().max(500).default(''),
});
export type RestoreIntoStart = z.infer<typeof restoreIntoStartSchema>;
