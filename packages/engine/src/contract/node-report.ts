import { z } from 'zod';
import { addressesSchema, clusterStateSchema, lsnSchema, nodeNameSchema } from './cluster-state.ts';
import { nodeStateSchema } from './status.ts';

/** What one daemon says about itself (GET /api/node). Observed, never agreed on. */
export const nodeReportSchema = z.object({
  name: nodeNameSchema,
  version: z.string(),
  atMs: z.number(),
  cluster: z.object({ id: z.string(), name: z.string() }).nullable(),
  host: z.enum(['available', 'joining', 'member']),
  addresses: addressesSchema,
  kind: z.enum(['data', 'witness']),
  role: z.enum(['primary', 'standby', 'witness', 'none']),
  state: nodeStateSchema,
  detail: z.string(),
  epoch: z.number().int(),
  sealedEpoch: z.number().int(),
  timeline: z.number().int().nullable(),
  /** Primary: insert position; standby: end of WAL flushed by the receiver. */
  lsn: lsnSchema.nullable(),
  replayLsn: lsnSchema.nullable(),
  receiverStatus: z.string().nullable(),
  leaseRemainingMs: z.number().nullable(),
  /** On the primary: what its standbys have confirmed. */
  standbys: z.array(
    z.object({
      name: z.string(),
      state: z.string(),
      sync: z.string(),
      writeLsn: lsnSchema.nullable(),
      flushLsn: lsnSchema.nullable(),
      replayLsn: lsnSchema.nullable(),
      lagBytes: z.number().nullable(),
      lagMs: z.number().nullable(),
    }),
  ),
  clone: z.object({ doneBytes: z.number(), totalBytes: z.number().nullable() }).nullable(),
  raft: z
    .object({
      role: z.string(),
      term: z.number(),
      leader: z.string().nullable(),
      commitIndex: z.number(),
      appliedIndex: z.number(),
      fsyncMsMax: z.number(),
      loopDelayMsMax: z.number(),
    })
    .nullable(),
  pids: z.object({
    daemon: z.number().nullable(),
    reaper: z.number().nullable(),
    postgres: z.number().nullable(),
    routers: z.array(z.number()),
  }),
  dataDir: z.string().nullable(),
});
export type NodeReport = z.infer<typeof nodeReportSchema>;

/** GET /api/state: the replicated state as this daemon has applied it. */
export const stateAnswerSchema = z.object({ node: nodeNameSchema, state: clusterStateSchema.nullable() });
