import { z } from 'zod';
import { consistencyLevels } from './reads/consistency.ts';
import { balanceStrategies } from './reads/load-balancer.ts';

const milliseconds = z.number().int().min(0);

/** What a person may set of a router; every value has a default that is fit for production. */
export const routerSettingsSchema = z.object({
  pooling: z.enum(['transaction', 'session']).default('transaction'),
  /** Server connections per user, database and server. */
  poolSize: z.number().int().min(1).max(10_000).default(20),
  /** Reads go to standbys. Off: a pooled web session spreads over connections, so read-your-writes cannot hold there. */
  split: z.boolean().default(false),
  consistency: z.enum(consistencyLevels).default('session'),
  balance: z.enum(balanceStrategies).default('least-connections'),
  lagBytesMax: z
    .number()
    .int()
    .min(0)
    .default(16 * 1024 * 1024),
  lagMsMax: milliseconds.default(10_000),
  /** What `bounded` means. */
  boundedLagMs: milliseconds.default(1_000),
  /** Quick reads of several clients may share a server connection, one behind the other. */
  sharing: z.boolean().default(true),
  sharedConnections: z.number().int().min(1).max(64).default(3),
  sharedDepth: z.number().int().min(1).max(64).default(24),
  /** Statements that usually take longer share with nobody. */
  sharedStatementMs: z.number().min(0).default(5),
  /** Server connections to one server, all pools together: less than its max_connections. */
  serverConnectionsMax: z.number().int().min(1).max(10_000).default(80),
  clientsMax: z.number().int().min(1).max(100_000).default(10_000),
  /** Sessions that may wait for a server in one pool. */
  queueMax: z.number().int().min(1).max(100_000).default(10_000),
  /** How long a statement waits for a server, also while there is no primary. */
  queueTimeoutMs: milliseconds.default(30_000),
  loginTimeoutMs: milliseconds.default(30_000),
  connectTimeoutMs: milliseconds.default(5_000),
  serverIdleMs: milliseconds.default(600_000),
  serverLifeMs: milliseconds.default(3_600_000),
});
export type RouterSettings = z.infer<typeof routerSettingsSchema>;
