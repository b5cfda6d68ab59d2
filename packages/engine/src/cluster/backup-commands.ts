import { z } from 'zod';
import {
  backupConfigSchema,
  backupJobSchema,
  guestRestoreSchema,
  jobResultSchema,
  restorePointSchema,
} from '../contract/backup.ts';
import { lsnSchema, nodeNameSchema } from '../contract/cluster-state.ts';

/** The commands of the log that are about backups; part of `commandSchema`. */

const id = z.string().min(1).max(64);

export const backupCommandSchemas = [
  /** `revision` is one more than that of the configuration it replaces. */
  z.object({ kind: z.literal('set-backup'), config: backupConfigSchema, by: z.string().max(100) }),
  /** At most one runs; the slots of schedules that it serves are done with, whatever becomes of it. */
  z.object({
    kind: z.literal('begin-backup-job'),
    job: backupJobSchema.pick({
      ...{ id: true, work: true, trigger: true, scheduleId: true, requestedBy: true, reason: true },
    }),
    serves: z.array(z.object({ scheduleId: z.string(), slotMs: z.number() })).max(60),
  }),
  /** Durable before the node is told: a later decider asks that node what became of it. */
  z.object({
    kind: z.literal('assign-backup-job'),
    id,
    attempt: z.number().int().min(1),
    node: nodeNameSchema,
    fromStandby: z.boolean(),
  }),
  z.object({
    kind: z.literal('delay-backup-job'),
    id,
    attempt: z.number().int().min(0),
    notBeforeMs: z.number(),
    detail: z.string().max(1000),
  }),
  z.object({
    kind: z.literal('end-backup-job'),
    id,
    state: z.enum(['done', 'failed', 'cancelled']),
    detail: z.string().max(1000),
    warnings: backupJobSchema.shape.warnings,
    result: jobResultSchema.nullable(),
  }),
  /** Of restored data, before the first reign: the timelines it has been through. */
  z.object({
    kind: z.literal('adopt-history'),
    timeline: z.number().int().min(1),
    history: z
      .array(z.object({ timeline: z.number().int(), parentId: z.number().int(), forkLsn: lsnSchema }))
      .max(1000),
  }),
  z.object({ kind: z.literal('note-restore-point'), point: restorePointSchema }),
  /** Before the host is told to begin: from now on retention leaves it what it needs. Since level 12. */
  z.object({ kind: z.literal('note-guest-restore'), guest: guestRestoreSchema }),
] as const;
