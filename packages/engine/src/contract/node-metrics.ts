import { z } from 'zod';

/**
 * What is watched on every node over time. The order is that of storage: names are only ever added at the end, and none
 * is taken away.
 */
export const nodeMetrics = {
  clients: 'Sessions of clients on PostgreSQL, QuantaDB’s own left out',
  clientsMax: 'max_connections',
  active: 'Sessions that run a statement',
  idleInTransaction: 'Sessions that hold a transaction open and do nothing',
  waitingForLocks: 'Sessions that wait for a lock',
  longestTransactionSeconds: 'Age of the oldest open transaction',
  commitsPerSecond: 'Transactions committed',
  rollbacksPerSecond: 'Transactions rolled back',
  rowsReadPerSecond: 'Rows that scans returned',
  rowsWrittenPerSecond: 'Rows inserted, updated and deleted',
  cacheHitShare: 'Of the blocks that were needed, those that were in shared buffers, 0 to 1',
  blocksReadPerSecond: 'Blocks that were not in shared buffers',
  tempBytesPerSecond: 'Written to temporary files',
  deadlocksPerSecond: 'Deadlocks that were broken',
  walBytesPerSecond: 'WAL written on a primary, received on a standby',
  checkpointsPerSecond: 'Checkpoints begun',
  autovacuumWorkers: 'Autovacuum workers at work',
  transactionIdAge: 'Age of the oldest transaction id that is not frozen; writes stop before two billion',
  slotBytes: 'WAL that the slot furthest behind keeps',
  databaseBytes: 'Size of all databases',
  cpuShare: 'Of all cores of the host, 0 to 1',
  loadOneMinute: 'Processes that run or wait, mean of a minute',
  memoryTotalBytes: 'Memory of the host',
  memoryAvailableBytes: 'Memory that programs can still have',
  diskTotalBytes: 'Size of the volume of the data directory',
  diskFreeBytes: 'What is free on it',
  diskFullSeconds: 'When it will be full if it goes on as in the last minutes; missing: it does not fill',
  routerClients: 'Clients of the router of this host',
  routerWaiting: 'Its clients that wait for a server',
  routerStatementsPerSecond: 'Statements that it has answered',
  routerStandbyReadsPerSecond: 'Those of them that standbys have answered',
  diskTrendSeconds: 'How long the filling of the disk was watched to tell when it will be full',
} as const;

export type NodeMetric = keyof typeof nodeMetrics;
export const nodeMetricNames = Object.keys(nodeMetrics) as NodeMetric[];
export const nodeMetricSchema = z.enum(Object.keys(nodeMetrics) as [NodeMetric, ...NodeMetric[]]);

/** By name; one that could not be measured is missing. */
export type NodeFigures = Partial<Record<NodeMetric, number>>;

/** One look at a node. What a newer release adds is left out by an older console. */
export const nodeFiguresSchema = z.object({
  atMs: z.number(),
  figures: z.record(z.string().max(60), z.number()),
});
export type NodeFiguresTold = z.infer<typeof nodeFiguresSchema>;
