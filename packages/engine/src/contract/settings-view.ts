import { z } from 'zod';
import { commitModeSchema, ownDurabilitiesMax, ownDurabilitySchema } from './own-durability.ts';

/** PostgreSQL's settings as the servers of a cluster really have them. */

export const serverSettingSchema = z.object({
  /** In small letters, as parameters are agreed on. */
  name: z.string().max(200),
  /** With its unit, as SHOW tells it. */
  value: z.string().max(10_000),
  /** What it would be if nobody had set it, in PostgreSQL's own unit. */
  builtIn: z.string().max(10_000).nullable(),
  unit: z.string().max(20).nullable(),
  type: z.string().max(20),
  /** When a change takes effect: `postmaster` needs a restart, `internal` never changes. */
  context: z.string().max(40),
  source: z.string().max(40),
  description: z.string().max(2000),
  category: z.string().max(200),
  /** PostgreSQL shows it to superusers and members of pg_read_all_settings only. */
  isPrivate: z.boolean().default(false),
  /** A new value waits for a restart. */
  isPending: z.boolean(),
  choices: z.array(z.string().max(200)).max(500).nullable(),
  range: z.object({ min: z.string().max(40), max: z.string().max(40) }).nullable(),
});
export type ServerSetting = z.infer<typeof serverSettingSchema>;

export const serverSettingsSchema = z.array(serverSettingSchema).max(5000);

export const settingsOverviewSchema = z.object({
  /** What was set for the whole cluster. */
  agreed: z.record(z.string(), z.string()),
  /** Lines of pg_hba.conf for clients, in order, between QuantaDB's own and the usual ones. */
  access: z.array(z.string()).default([]),
  /** There may be lines: they may hold passwords, and the control plane tells them to operators only. */
  isAccessHidden: z.boolean().default(false),
  /** What commits of single roles and databases wait for. */
  ownDurabilities: z
    .array(ownDurabilitySchema.extend({ mode: commitModeSchema.nullable() }))
    .max(ownDurabilitiesMax)
    .default([]),
  /** Whose values are shown: the primary's, or another's where it does not answer. Null: nobody answers. */
  shownOf: z.object({ node: z.string(), isPrimary: z.boolean() }).nullable(),
  nodes: z.array(
    z.object({
      name: z.string(),
      /** Null: it did not answer, and `problem` says why. */
      pendingRestart: z.array(z.string()).nullable(),
      problem: z.string().nullable(),
    }),
  ),
  settings: z.array(
    serverSettingSchema.extend({
      /** Why nobody may change it; null: it may be changed. */
      fixedBecause: z.string().nullable(),
      /** Nodes that have another value. Those that QuantaDB decides differ on purpose, and are not compared. */
      differs: z.array(z.object({ node: z.string(), value: z.string() })),
    }),
  ),
});
export type SettingsOverview = z.infer<typeof settingsOverviewSchema>;
