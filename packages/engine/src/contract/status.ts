import { z } from 'zod';

/**
 * The public shape of `quantadb status --json`. Tools and load tests depend on it: fields may be added, none may
 * change its meaning or go away.
 */

/** The closed list of what a node's PostgreSQL can be doing, as people see it. */
export const nodeStates = [
  'running', // primary, open for writes
  'streaming', // standby, receiving WAL
  'catching-up', // standby, connected to nobody right now
  'cloning', // receiving its base backup
  'starting', // PostgreSQL starts or recovers
  'promoting', // between grant and open for writes
  'fenced', // stopped on purpose: no lease
  'stopped', // no PostgreSQL process
  'waiting', // its WAL is not proven part of the cluster's history, or nothing to clone from yet
  'unreachable', // its daemon does not answer
  'voting', // witness
] as const;
export const nodeStateSchema = z.enum(nodeStates);
export type NodeState = z.infer<typeof nodeStateSchema>;

export const nodeStatusSchema = z.object({
  name: z.string(),
  kind: z.enum(['data', 'witness', 'router']),
  role: z.enum(['primary', 'standby', 'witness', 'none']),
  state: nodeStateSchema,
  /** One sentence on why the state is what it is; empty when there is nothing to say. */
  detail: z.string(),
  address: z.string().nullable(),
  postgres: z.string().nullable(),
  api: z.string(),
  dataDir: z.string().optional(),
  timeline: z.number().nullable(),
  lsn: z.string().nullable(),
  lagBytes: z.number().nullable(),
  lagMs: z.number().nullable(),
  sync: z.enum(['quorum', 'async', 'none']),
  raft: z.enum(['voter', 'learner', 'none']),
  maintenance: z.boolean(),
  clone: z.object({ doneBytes: z.number(), totalBytes: z.number().nullable() }).nullable(),
  pids: z
    .object({
      daemon: z.number().nullable(),
      reaper: z.number().nullable(),
      postgres: z.number().nullable(),
      routers: z.array(z.number()),
    })
    .optional(),
});
export type NodeStatus = z.infer<typeof nodeStatusSchema>;

export const clusterStatusSchema = z.object({
  name: z.string(),
  health: z.enum(['healthy', 'degraded', 'down']),
  verdict: z.string(),
  primary: z.string().nullable(),
  epoch: z.number(),
  timeline: z.number(),
  durability: z.string(),
  revision: z.number(),
  raft: z.object({ leader: z.string().nullable(), term: z.number() }),
  connect: z.string().nullable(),
  routers: z.array(z.object({ node: z.string(), address: z.string() })),
  nodes: z.array(nodeStatusSchema),
});
export type ClusterStatus = z.infer<typeof clusterStatusSchema>;

export const hostStatusSchema = z.object({
  name: z.string(),
  state: z.enum(['available', 'joining', 'member', 'unreachable']),
  cluster: z.string().nullable(),
  api: z.string(),
});
export type HostStatus = z.infer<typeof hostStatusSchema>;

export const systemStatusSchema = z.object({
  console: z.string().nullable(),
  hosts: z.array(hostStatusSchema),
  clusters: z.array(clusterStatusSchema),
});
export type SystemStatus = z.infer<typeof systemStatusSchema>;
