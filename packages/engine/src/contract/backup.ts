import { z } from 'zod';

/** What people decide about backups: where they go, when they are made, how long they are kept. */

const onOneLine = (longest: number) =>
  z
    .string()
    .min(1)
    .max(longest)
    .regex(/^[\x20-\x7e]+$/, 'printable ASCII on one line')
    .refine((text) => text.trim() === text, 'no spaces at its ends');

const absolutePath = onOneLine(500).regex(/^\/[^=#]*$/, 'an absolute path');

/** Never shown again once they are set. */
export const repositorySecretsSchema = z.object({
  cipherPass: onOneLine(200).nullable().default(null),
  s3Key: onOneLine(200).nullable().default(null),
  s3KeySecret: onOneLine(200).nullable().default(null),
});
export type RepositorySecrets = z.infer<typeof repositorySecretsSchema>;

export const repositorySchema = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('posix'),
    /** The same directory on every host: a mount, unless all nodes run on one machine. */
    path: absolutePath,
    encrypted: z.boolean().default(false),
  }),
  z.object({
    type: z.literal('s3'),
    path: absolutePath.default('/quantadb'),
    bucket: onOneLine(100),
    endpoint: onOneLine(255),
    region: onOneLine(60),
    uriStyle: z.enum(['host', 'path']).default('host'),
    /** Of a private authority; null: the system's. */
    caFile: absolutePath.nullable().default(null),
    verifyTls: z.boolean().default(true),
    encrypted: z.boolean().default(false),
  }),
]);
export type Repository = z.infer<typeof repositorySchema>;

export const backupTypeSchema = z.enum(['full', 'diff', 'incr']);

const minuteOfDay = z.number().int().min(0).max(1439);

export const scheduleSchema = z.object({
  id: z.string().regex(/^[a-z][a-z0-9-]{0,39}$/, 'lower-case letters, digits and dashes'),
  type: backupTypeSchema,
  /** Five fields: minute, hour, day of month, month, day of week. */
  cron: onOneLine(100),
  /** An IANA name, `Europe/Berlin`: the hour people mean, also after the clocks change. */
  timeZone: onOneLine(60),
  /** A fixed delay below this, another one for every cluster, so that not all of them begin at once. */
  jitterMinutes: z.number().int().min(0).max(720).default(0),
  /** Late starts and retries only between these minutes of the day there; null: whenever. */
  window: z.object({ fromMinute: minuteOfDay, toMinute: minuteOfDay }).nullable().default(null),
  enabled: z.boolean().default(true),
});
export type BackupSchedule = z.infer<typeof scheduleSchema>;

/** A backup stays when one of these keeps it, it is held, or a kept one is built on it. The newest full one always stays. */
export const retentionSchema = z.object({
  /** The newest so many full backups, with all that is built on them. */
  fullCount: z.number().int().min(1).max(1000).default(4),
  /** Every backup it takes to restore to any moment of the last so many days. */
  days: z.number().int().min(1).max(3650).nullable().default(null),
  /** One full backup per day, week, month and year, for so many of them. */
  tiers: z
    .object({
      daily: z.number().int().min(0).max(1000).default(0),
      weekly: z.number().int().min(0).max(1000).default(0),
      monthly: z.number().int().min(0).max(1000).default(0),
      yearly: z.number().int().min(0).max(1000).default(0),
    })
    .default({ daily: 0, weekly: 0, monthly: 0, yearly: 0 }),
});
export type BackupRetention = z.infer<typeof retentionSchema>;

/** How little of a node a backup may take, and when it waits. */
export const backupImpactSchema = z.object({
  processes: z.number().int().min(1).max(64).default(1),
  compression: z.enum(['zst', 'lz4', 'gz', 'none']).default('zst'),
  /** No backup begins on a standby that is further behind. */
  lagBytesMax: z
    .number()
    .int()
    .min(0)
    .default(256 * 1024 * 1024),
  source: z.enum(['prefer-standby', 'standby-only', 'primary']).default('prefer-standby'),
});
export type BackupImpact = z.infer<typeof backupImpactSchema>;
