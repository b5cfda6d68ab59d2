import { z } from 'zod';
import { nodeNameSchema } from './names.ts';

/** Operations that wait for their time. */

export const switchoverSchema = z.object({ kind: z.literal('switchover'), to: nodeNameSchema.nullable() });
/** PostgreSQL of a standby stops and starts again. */
export const restartNodeSchema = z.object({ kind: z.literal('restart-node'), node: nodeNameSchema });
/** The standbys one after the other, then a switchover, which restarts the primary too. */
export const rollingRestartSchema = z.object({ kind: z.literal('rolling-restart') });
/** Every daemon ends and is started again, with whatever release is installed by now. */
export const restartDaemonsSchema = z.object({ kind: z.literal('restart-daemons') });
/** Other programs of the same major version: those in the directory, or (null) what is installed now where they were. */
export const upgradePostgresSchema = z.object({
  kind: z.literal('upgrade-postgres'),
  directory: z
    .string()
    .regex(/^\/[\x20-\x7e]*$/, 'an absolute path')
    .max(500)
    .nullable(),
});

/** What may wait: everything that it takes can be looked at anew when its time has come. */
export const schedulableSchema = z.discriminatedUnion('kind', [
  switchoverSchema,
  restartNodeSchema,
  rollingRestartSchema,
  restartDaemonsSchema,
  upgradePostgresSchema,
]);
export type Schedulable = z.infer<typeof schedulableSchema>;

export const scheduledSchema = z.object({
  /** Also of the operation that it becomes. */
  id: z.string().min(1).max(100),
  atMs: z.number(),
  /** It is given up when it could not begin until so long after its time. */
  withinMinutes: z.number().int().min(1).max(720),
  request: schedulableSchema,
  requestedBy: z.string().max(100),
  reason: z.string().max(500),
});
export type Scheduled = z.infer<typeof scheduledSchema>;

export const scheduleRequestSchemas = [
  z.object({
    kind: z.literal('schedule-operation'),
    ...scheduledSchema.pick({ atMs: true, request: true }).shape,
    withinMinutes: scheduledSchema.shape.withinMinutes.default(30),
  }),
  z.object({ kind: z.literal('unschedule-operation'), id: scheduledSchema.shape.id }),
] as const;
export type ScheduleRequest = z.infer<(typeof scheduleRequestSchemas)[number]>;
export const scheduleOperationKinds = ['schedule-operation', 'unschedule-operation'] as const;
