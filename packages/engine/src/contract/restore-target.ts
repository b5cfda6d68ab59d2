import { z } from 'zod';

/** What a restore is to stop at. */

const lsnSchema = z.string().regex(/^[0-9A-F]{1,8}\/[0-9A-F]{1,8}$/);

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

/** What leads to the target: a confirmed restore goes this way, or asks again. */
export const restoreWaySchema = z.object({ label: z.string().max(64), timeline: z.number().int() });
export type RestoreWay = z.infer<typeof restoreWaySchema>;
