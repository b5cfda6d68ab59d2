import { z } from 'zod';
import { backupWorkSchema, jobResultSchema } from '../contract/backup.ts';
import { nodeNameSchema } from '../contract/names.ts';

/** What the decider tells a node to do with the repository, and what the node says of it. */

export const serverPlaceSchema = z.object({
  dataDir: z.string(),
  socketDir: z.string(),
  port: z.number().int(),
});

/** A node whose files a backup on another host reads, or whose server begins and ends it. */
export const sourceServerSchema = z.object({ node: nodeNameSchema, server: serverPlaceSchema });
export type SourceServer = z.infer<typeof sourceServerSchema>;

/** How the node is that a backup on another host reads; null: nobody knows. */
export const strainSchema = z.object({ load: z.number().nullable(), lagBytes: z.number().nullable() });
export type Strain = z.infer<typeof strainSchema>;

export const jobOrderSchema = z.object({
  id: z.string().min(1).max(64),
  attempt: z.number().int().min(1),
  work: backupWorkSchema,
  /** The primary's server on this machine, when this node is a standby and its files are the ones to read. */
  primary: serverPlaceSchema.nullable(),
  requestedBy: z.string().max(100),
  scheduleId: z.string().nullable(),
  /** Of a backup on the host of the repository: the primary, then the standby that is read when there is one. Since level 7. */
  servers: z.array(sourceServerSchema).max(2).optional(),
  /** For a host that has no data to read it from. Since level 7. */
  segmentBytes: z.number().int().optional(),
});
export type JobOrder = z.infer<typeof jobOrderSchema>;

export const jobLookSchema = z.object({
  /** `unknown`: this node never heard of it, or has started anew since. */
  state: z.enum(['unknown', 'running', 'done', 'failed']),
  detail: z.string().max(1000),
  percent: z.number().nullable(),
  bytesDone: z.number().nullable(),
  warnings: z.array(z.string().max(300)).max(20),
  result: jobResultSchema.nullable(),
  retry: z.boolean(),
});
export type JobLook = z.infer<typeof jobLookSchema>;

/** Notes that QuantaDB leaves with a backup. */
export const runNote = 'quantadb-run';
export const nodeNote = 'quantadb-node';
export const triggerNote = 'quantadb-trigger';
