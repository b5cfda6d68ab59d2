import { z } from 'zod';
import { nodeNameSchema } from './names.ts';
import { restoreTargetSchema } from './restore-target.ts';

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

/** What pgBackRest's own server listens on when nobody says anything else. */
export const usualBackupPort = 8432;

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
  /** On the disk of one of the cluster's hosts; the others reach it over mutual TLS. Since level 7. */
  z.object({
    type: z.literal('host'),
    /** The member that holds it: a witness, or one that has data. */
    host: nodeNameSchema,
    /** Of the server that runs there for it; an unprivileged user opens it. */
    port: z.number().int().min(1024).max(65_535).default(usualBackupPort),
    /** On that host's own disk. */
    path: absolutePath,
    encrypted: z.boolean().default(false),
  }),
]);
export type Repository = z.infer<typeof repositorySchema>;

export const repositoryTestedSchema = z.object({
  nodes: z.array(
    z.object({
      node: z.string().max(100),
      ok: z.boolean(),
      /** What failed there, and what to do; both empty when nothing did. */
      detail: z.string().max(2000),
      hint: z.string().max(1000),
    }),
  ),
});
export type RepositoryTested = z.infer<typeof repositoryTestedSchema>;

/** Repositories are known by their number: the first is the one that every cluster with backups has. */
export const repositoriesMax = 4;
export const repositoryNumberSchema = z.number().int().min(1).max(repositoriesMax);

/** A repository that somebody thinks of: nothing is agreed on, every node tries it. */
export const repositoryTestSchema = z.object({
  repository: repositorySchema,
  /** What is left out is what the cluster has agreed on for that number. */
  secrets: repositorySecretsSchema,
  /** Absent: the first; hosts of before level 8 know no other. */
  number: repositoryNumberSchema.optional(),
});
export type RepositoryTest = z.infer<typeof repositoryTestSchema>;

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
  /** Which repository it fills, or each of them in turn; absent: the first. Since level 8. */
  repository: z.union([repositoryNumberSchema, z.literal('each')]).optional(),
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
  /** Of its processes; absent: 10. Since level 5. */
  nice: z.number().int().min(0).max(19).optional(),
  /** Of its reads and writes, 7 the last in turn; `idle`: only when nobody else wants the disk. Absent: 7. Since level 5. */
  ioPriority: z.union([z.number().int().min(0).max(7), z.literal('idle')]).optional(),
  /** No backup begins on a standby that is further behind, and one that runs there is held back. */
  lagBytesMax: z
    .number()
    .int()
    .min(0)
    .default(256 * 1024 * 1024),
  /** The same with more load per processor; null: load only decides between nodes. */
  loadMax: z.number().min(0.1).max(1000).nullable().default(null),
  source: z.enum(['prefer-standby', 'standby-only', 'primary']).default('prefer-standby'),
});
export type BackupImpact = z.infer<typeof backupImpactSchema>;

/** What is tried on a restored copy: it must answer `t` (true) in its first column. */
export const drillCheckSchema = z.object({
  database: onOneLine(63),
  sql: z.string().min(1).max(2000),
});

export const drillPolicySchema = z.object({
  cron: onOneLine(100),
  timeZone: onOneLine(60),
  checks: z.array(drillCheckSchema).max(50).default([]),
});
export type DrillPolicy = z.infer<typeof drillPolicySchema>;

/** One more place for the same WAL and for backups of its own. */
export const furtherRepositorySchema = z.object({
  number: repositoryNumberSchema.min(2),
  repository: repositorySchema,
  secrets: repositorySecretsSchema,
  retention: retentionSchema,
});

/** Everything a cluster agrees on about its backups. */
export const backupConfigSchema = z.object({
  /** The cluster's name in the repository. */
  stanza: z.string().regex(/^[a-z][a-z0-9-]{0,59}$/, 'lower-case letters, digits and dashes'),
  /** Counts changes: what a node says it has. */
  revision: z.number().int().min(1),
  repository: repositorySchema,
  secrets: repositorySecretsSchema,
  impact: backupImpactSchema,
  schedules: z.array(scheduleSchema).max(50),
  retention: retentionSchema,
  drills: drillPolicySchema.nullable(),
  /** A segment is archived after so long even when it is not full: what losing every node at once may cost. */
  archiveTimeoutSeconds: z.number().int().min(10).max(3600),
  /** Beside the first one; absent where there is none. Since level 8. */
  further: z
    .array(furtherRepositorySchema)
    .max(repositoriesMax - 1)
    .optional(),
});
export type BackupConfig = z.infer<typeof backupConfigSchema>;

/** Absent: the first. Since level 8. */
const inRepository = { repository: repositoryNumberSchema.optional() };

/** What one run is about. */
export const backupWorkSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('backup'), type: backupTypeSchema, ...inRepository }),
  /** Every file of the repository is read and compared. */
  z.object({ kind: z.literal('verify'), ...inRepository }),
  /** The newest moment is restored into a scratch server and tried. */
  z.object({ kind: z.literal('drill'), ...inRepository }),
  /** Retention, now. */
  z.object({ kind: z.literal('expire'), ...inRepository }),
  /** A moment is restored into a scratch server that stays open, for people to look before they decide anything. */
  z.object({ kind: z.literal('look'), target: restoreTargetSchema }),
]);
export type BackupWork = z.infer<typeof backupWorkSchema>;

export const drillResultSchema = z.object({
  label: z.string(),
  /** What was restored: the newest commit in it. */
  recoveredToMs: z.number().nullable(),
  databaseBytes: z.number(),
  restoreMs: z.number(),
  recoveryMs: z.number(),
  checksMs: z.number(),
  /** One line per database of pg_amcheck, and one per check of the user's. */
  findings: z.array(z.object({ what: z.string().max(300), ok: z.boolean(), detail: z.string().max(1000) })),
});
export type DrillResult = z.infer<typeof drillResultSchema>;

export const verificationSchema = z.object({
  ok: z.boolean(),
  wal: z.object({ checked: z.number(), valid: z.number(), problems: z.array(z.string()) }),
  backups: z.array(
    z.object({
      label: z.string(),
      ok: z.boolean(),
      checked: z.number(),
      valid: z.number(),
      problems: z.array(z.string()),
    }),
  ),
  other: z.array(z.string()),
});

/** A scratch server that is open: `psql -h <socketDir> -p <port> -U <user>`, as root or postgres on that host. */
export const lookSchema = z.object({
  node: z.string(),
  socketDir: z.string(),
  port: z.number().int(),
  user: z.string(),
  label: z.string(),
  timeline: z.number().int(),
  recoveredToMs: z.number().nullable(),
  /** It closes by itself. */
  untilMs: z.number(),
});
export type Look = z.infer<typeof lookSchema>;

export const jobResultSchema = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('backup'),
    label: z.string(),
    type: backupTypeSchema,
    expired: z.array(z.string()),
    walKeptFrom: z.string().nullable(),
  }),
  z.object({ kind: z.literal('verify'), verification: verificationSchema, gaps: z.array(z.string()) }),
  z.object({ kind: z.literal('drill'), drill: drillResultSchema }),
  z.object({ kind: z.literal('look'), look: lookSchema }),
  z.object({
    kind: z.literal('expire'),
    expired: z.array(z.string()),
    walKeptFrom: z.string().nullable(),
  }),
]);
export type JobResult = z.infer<typeof jobResultSchema>;

/** One piece of work on the repository; a cluster does one at a time. */
export const backupJobSchema = z.object({
  id: z.string().min(1).max(64),
  work: backupWorkSchema,
  trigger: z.enum(['schedule', 'person']),
  scheduleId: z.string().nullable(),
  requestedBy: z.string().max(100),
  reason: z.string().max(500),
  /** `waiting` for a node, or for the pause after a failed attempt to pass. */
  state: z.enum(['waiting', 'running', 'done', 'failed', 'cancelled']),
  node: z.string().nullable(),
  fromStandby: z.boolean(),
  attempt: z.number().int().min(0),
  /** Wall clock of the decider; an attempt begins no earlier. */
  notBeforeMs: z.number(),
  startedAtMs: z.number(),
  endedAtMs: z.number().nullable(),
  detail: z.string().max(1000),
  percent: z.number().nullable(),
  bytesDone: z.number().nullable(),
  warnings: z.array(z.string().max(300)).max(20),
  result: jobResultSchema.nullable(),
});
export type BackupJob = z.infer<typeof backupJobSchema>;

export const restorePointSchema = z.object({
  name: z.string().min(1).max(63),
  timeline: z.number().int(),
  lsn: z.string(),
  atMs: z.number(),
  by: z.string().max(100),
});
export type RestorePoint = z.infer<typeof restorePointSchema>;

/** A host of no cluster restores from one of the backups: until then retention leaves what it needs. */
export const guestRestoreSchema = z.object({
  host: nodeNameSchema,
  repository: repositoryNumberSchema,
  label: z.string().min(1).max(64),
  /** Wall clock of the member that was asked. */
  untilMs: z.number(),
});
export type GuestRestore = z.infer<typeof guestRestoreSchema>;

/** The part of ClusterState that is about backups. */
export const backupStateSchema = z.object({
  config: backupConfigSchema.nullable(),
  /** The newest slot of each schedule that was served; `drills` is the drills' own. */
  servedMs: z.record(z.string(), z.number()),
  job: backupJobSchema.nullable(),
  pastJobs: z.array(backupJobSchema),
  points: z.array(restorePointSchema),
  /** Retention keeps WAL from this backup on. */
  walKeptFrom: z.string().nullable(),
  /** The same of each further repository, by its number. Since level 8. */
  furtherWalKeptFrom: z.record(z.string(), z.string()).optional(),
  /** Of moments of this cluster, into new ones. Since level 12. */
  guestRestores: z.array(guestRestoreSchema).optional(),
});
export type BackupState = z.infer<typeof backupStateSchema>;

export const noBackups: BackupState = {
  config: null,
  servedMs: {},
  job: null,
  pastJobs: [],
  points: [],
  walKeptFrom: null,
};

export const pointNameSchema = z
  .string()
  .min(1)
  .max(63)
  .regex(/^[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?$/, 'printable ASCII');

const backupLabelSchema = z.string().regex(/^[0-9]{8}-[0-9]{6}F(_[0-9]{8}-[0-9]{6}[DI])?$/);

/** What people may ask of a cluster about its backups; part of `operationRequestSchema`. */
export const backupRequestSchemas = [
  /** Null leaves a part as it is. */
  z.object({
    kind: z.literal('configure-backup'),
    repository: repositorySchema.nullable().default(null),
    secrets: repositorySecretsSchema.nullable().default(null),
    impact: backupImpactSchema.nullable().default(null),
    schedules: z.array(scheduleSchema).max(50).nullable().default(null),
    retention: retentionSchema.nullable().default(null),
    /** `off` ends the drills. */
    drills: z
      .union([drillPolicySchema, z.literal('off')])
      .nullable()
      .default(null),
    archiveTimeoutSeconds: z.number().int().min(10).max(3600).nullable().default(null),
    /** Which repository, its secrets and its retention are meant; absent: the first. Since level 8. */
    number: repositoryNumberSchema.optional(),
    /** That one is given up; what it holds stays there. Since level 8. */
    takeOff: z.boolean().optional(),
  }),
  z.object({ kind: z.literal('start-backup'), work: backupWorkSchema }),
  z.object({ kind: z.literal('cancel-backup') }),
  z.object({ kind: z.literal('close-look') }),
  z.object({ kind: z.literal('create-restore-point'), name: pointNameSchema }),
  /** A held backup is never removed; null lets it go. */
  z.object({
    kind: z.literal('hold-backup'),
    label: backupLabelSchema,
    note: onOneLine(200).nullable(),
  }),
  /** What people want to remember of a backup; it goes when the backup does. Null takes it away. Since level 5. */
  z.object({ kind: z.literal('note-backup'), label: backupLabelSchema, note: onOneLine(200).nullable() }),
] as const;
export type BackupRequest = z.infer<(typeof backupRequestSchemas)[number]>;
export const backupOperationKinds = [
  'configure-backup',
  'start-backup',
  'cancel-backup',
  'close-look',
  'create-restore-point',
  'hold-backup',
  'note-backup',
] as const;
