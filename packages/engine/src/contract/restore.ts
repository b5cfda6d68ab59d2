import { z } from 'zod';
import { lsnSchema } from './cluster-state.ts';

/** Restores to a moment: what is asked for, what it takes, and why it cannot be. */

export const restoreTargetSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('latest') }),
  /** Milliseconds since 1970: whoever asks has settled the time zone. */
  z.object({ kind: z.literal('time'), atMs: z.number().int().min(0), inclusive: z.boolean().default(true) }),
  z.object({
    kind: z.literal('lsn'),
    lsn: lsnSchema,
    inclusive: z.boolean().default(true),
    /** To go to a timeline that the cluster has given up; null: the cluster's own. */
    timeline: z.number().int().min(1).nullable().default(null),
  }),
  z.object({
    kind: z.literal('xid'),
    xid: z.string().regex(/^\d{1,20}$/),
    inclusive: z.boolean().default(true),
  }),
  z.object({ kind: z.literal('name'), name: z.string().min(1).max(63) }),
  /** The end of that backup. */
  z.object({ kind: z.literal('backup'), label: z.string().max(64) }),
]);
export type RestoreTarget = z.infer<typeof restoreTargetSchema>;

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
