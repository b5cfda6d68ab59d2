import { z } from 'zod';
import {
  backupConfigSchema,
  backupJobSchema,
  backupTypeSchema,
  furtherRepositorySchema,
  lookSchema,
  repositoryNumberSchema,
  repositorySchema,
  restorePointSchema,
  verificationSchema,
} from './backup.ts';

/** What a node sees in the repository, for people: nothing here is agreed on, all of it is looked up. */

export const storedBackupSchema = z.object({
  label: z.string(),
  type: backupTypeSchema,
  prior: z.string().nullable(),
  references: z.array(z.string()),
  startMs: z.number(),
  stopMs: z.number(),
  startLsn: z.string(),
  stopLsn: z.string(),
  startWal: z.string(),
  stopWal: z.string(),
  databaseId: z.number(),
  databaseBytes: z.number(),
  copiedBytes: z.number(),
  repositoryBytes: z.number(),
  hasPageErrors: z.boolean(),
  notes: z.record(z.string(), z.string()),
});

export const restorableIntervalSchema = z.object({
  timeline: z.number(),
  fromLsn: z.string(),
  toLsn: z.string(),
  fromMs: z.number(),
  /** When the newest commit in it was made; null while nobody has looked. */
  toMs: z.number().nullable(),
  labels: z.array(z.string()),
  isAbandoned: z.boolean(),
  /** WAL that the cluster has given up follows its end: a recovery to the latest moment is told to stop before it. */
  isCut: z.boolean().optional(),
});
export type RestorableIntervalView = z.infer<typeof restorableIntervalSchema>;

export const walGapSchema = z.object({
  timeline: z.number(),
  fromWal: z.string(),
  toWal: z.string(),
  segments: z.number(),
  afterLsn: z.string(),
  resumesWith: z.string().nullable(),
  kind: z.enum(['missing', 'expired']),
  /** Those of its segments that are there, and that a verification found damaged. */
  damaged: z.array(z.string()).default([]),
});

export const goesSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('never'), why: z.literal('held') }),
  z.object({ kind: z.literal('at'), atMs: z.number() }),
  z.object({ kind: z.literal('after-fulls'), fulls: z.number() }),
]);

export const archivingSchema = z.object({
  lastWal: z.string().nullable(),
  lastAtMs: z.number().nullable(),
  /** Since when every attempt fails; null when the last one succeeded. */
  failingSinceMs: z.number().nullable(),
  waitingSegments: z.number(),
});
export type Archiving = z.infer<typeof archivingSchema>;

/** WAL that a repository has not been given, because it was away; the others have it. */
export const owedSchema = z.object({
  repository: repositoryNumberSchema,
  segments: z.number().int(),
  /** Whether there are more than are counted. */
  isMore: z.boolean(),
  /** Of the oldest that is still owed. */
  sinceMs: z.number(),
  /** Why the last payment failed; empty when none has. */
  detail: z.string().max(1000),
});
export type Owed = z.infer<typeof owedSchema>;

/** Where several repositories are looked at together: which one gives it. */
const inRepository = { repository: repositoryNumberSchema.optional() };

export const repositoryViewSchema = z.object({
  atMs: z.number(),
  state: z.enum(['ok', 'missing', 'empty', 'broken']),
  detail: z.string(),
  backups: z.array(
    storedBackupSchema.extend({
      /** Null: it can be restored. */
      unusable: z.string().nullable(),
      /** A verification alone says that it cannot: retention lets it go no earlier for that. */
      isDamaged: z.boolean().optional(),
      keptBecause: z.array(z.string()),
      goes: goesSchema.nullable(),
      ...inRepository,
    }),
  ),
  intervals: z.array(restorableIntervalSchema.extend(inRepository)),
  gaps: z.array(walGapSchema.extend(inRepository)),
  timelines: z.array(
    z.object({
      timeline: z.number(),
      parentId: z.number().nullable(),
      beginLsn: z.string(),
      ranges: z.array(
        z.object({ fromLsn: z.string(), toLsn: z.string(), fromWal: z.string(), toWal: z.string() }),
      ),
      status: z.enum(['current', 'ancestor', 'abandoned']),
      hasStrayWal: z.boolean(),
    }),
  ),
  conflicts: z.array(z.string()),
  /** The cluster's own timeline, while its history has not reached the repository: nothing leads beyond where it begins. */
  missingHistory: z.number().int().nullable().optional(),
  newest: z.object({ timeline: z.number(), lsn: z.string(), atMs: z.number().nullable() }).nullable(),
  expiring: z.array(z.object({ label: z.string(), why: z.string() })),
  lastVerification: verificationSchema.nullable().default(null),
});
export type RepositoryView = z.infer<typeof repositoryViewSchema>;

/** The server by which other hosts reach a repository, or a backup the data of a node. */
export const backupServerSchema = z.object({
  state: z.enum(['starting', 'running', 'failed']),
  port: z.number().int(),
  /** What it said last, when it has ended. */
  detail: z.string().max(1000),
});
export type BackupServerView = z.infer<typeof backupServerSchema>;

/** What a node says of itself as a place where backups can run. */
export const backupNodeSchema = z.object({
  program: z.string(),
  problem: z.string().nullable(),
  load: z.number().nullable(),
  /** How another node on this machine reaches its PostgreSQL. */
  server: z.object({ dataDir: z.string(), socketDir: z.string(), port: z.number() }),
  /** `revision` of the configuration that its archive command goes by; 0: none. */
  configRevision: z.number(),
  archiving: archivingSchema.nullable(),
  look: lookSchema.nullable(),
  /** Null, and absent on hosts of before level 7: none is wanted here. */
  tlsServer: backupServerSchema.nullable().optional(),
  /** Null: it has no data. Since level 7. */
  segmentBytes: z.number().int().nullable().optional(),
  /** Absent on hosts of before level 8. */
  owed: z.array(owedSchema).max(4).optional(),
});
export type BackupNodeView = z.infer<typeof backupNodeSchema>;

/** A kind that only a newer release knows: whoever reads it shows its name, and leaves it as it is. */
const unknownRepositorySchema = z.object({
  type: z.literal('unknown'),
  kind: z.string(),
  path: z.string(),
  encrypted: z.boolean(),
});
const repositoryKinds = repositorySchema.options.map(({ shape }) => shape.type.value as string);
const namedSchema = z.object({
  type: z.string().max(60),
  path: z.string().catch(''),
  encrypted: z.boolean().catch(false),
});

/** Everything else about the backups of a cluster is of use without knowing how its repository is reached. */
export const shownRepositorySchema = z.preprocess(
  (given) => {
    const named = namedSchema.safeParse(given);
    if (!named.success || [...repositoryKinds, 'unknown'].includes(named.data.type)) return given;
    const { type: kind, path, encrypted } = named.data;
    return { type: 'unknown', kind, path, encrypted };
  },
  z.discriminatedUnion('type', [...repositorySchema.options, unknownRepositorySchema]),
);

export type ShownRepository = z.infer<typeof shownRepositorySchema>;

const shownConfigSchema = backupConfigSchema.omit({ secrets: true }).extend({
  repository: shownRepositorySchema,
  further: z
    .array(furtherRepositorySchema.omit({ secrets: true }).extend({ repository: shownRepositorySchema }))
    .max(3)
    .optional(),
});

/** Everything about a cluster's backups, as one node can tell it. No secret is in it. */
export const backupOverviewSchema = z.object({
  config: shownConfigSchema.nullable(),
  /** With how far it is, when its node says so. */
  job: backupJobSchema.nullable(),
  pastJobs: z.array(backupJobSchema),
  /** `isLost`: no backup leads to it, or WAL before it is missing. */
  points: z.array(restorePointSchema.extend({ isLost: z.boolean().default(false) })),
  nextRuns: z.array(z.object({ scheduleId: z.string(), what: z.string(), atMs: z.array(z.number()) })),
  /** The last restore that was proven, and the last verification. */
  lastDrill: backupJobSchema.nullable(),
  lastVerification: backupJobSchema.nullable(),
  /** The next step, when one of these two found damage. */
  advice: z.string().nullable().default(null),
  /** With several repositories: what those that can be read give together. */
  repository: repositoryViewSchema.nullable(),
  /** Why the repository cannot be read now. */
  problem: z.string().nullable(),
  archiving: archivingSchema.nullable(),
  /** A restored moment that is open for a look. */
  look: lookSchema.nullable(),
  /** With a repository on a host: how the servers are by which the hosts reach each other. */
  servers: z
    .array(
      z.object({
        node: z.string(),
        /** Whether it gives out the repository, or the data of a node. */
        gives: z.enum(['repository', 'data']),
        /** Null: it does not answer, or is of an earlier release. */
        server: backupServerSchema.nullable(),
      }),
    )
    .default([]),
  /** Each of them, where there are several. */
  repositories: z
    .array(
      z.object({
        number: repositoryNumberSchema,
        place: z.string(),
        /** Null: it cannot be read, and `problem` says why. */
        state: z.enum(['ok', 'missing', 'empty', 'broken']).nullable(),
        problem: z.string().nullable(),
        backups: z.number().int(),
        newest: z.object({ timeline: z.number(), lsn: z.string(), atMs: z.number().nullable() }).nullable(),
        missingSegments: z.number().int(),
        owed: owedSchema.nullable(),
      }),
    )
    .max(4)
    .default([]),
});
export type BackupOverview = z.infer<typeof backupOverviewSchema>;
