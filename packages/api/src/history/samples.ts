import { messageOf } from '@quantadb/engine/shared/errors';
import type { Logger } from '@quantadb/engine/shared/logger';
import type { Prisma, PrismaClient } from '@quantadb/prisma/client';
import { Prisma as sql } from '@quantadb/prisma/client';

/** One node at one second. Positions are bytes of WAL since 0/0. */
export interface MetricSample {
  clusterId: string;
  node: string;
  atMs: number;
  role: string;
  state: string;
  timeline: number | null;
  walPosition: bigint | null;
  lagBytes: number | null;
  lagMs: number | null;
  sync: string;
  raftTerm: number | null;
  raftFsyncMsMax: number | null;
  raftLoopDelayMsMax: number | null;
}

export interface LagBucket {
  node: string;
  atMs: number;
  lagBytesMax: number | null;
  lagMsMax: number | null;
}

export const sampleRetentionDays = 1;
const dayMs = 24 * 3_600_000;
const flushEveryMs = 1000;
const queueMax = 20_000;
const bucketsMax = 300;
const retentionLock = 4_716_002n;

/**
 * Metric history: samples are collected for a second and written in one statement, so that a thousand nodes cost one
 * round trip. When the database does not keep up the oldest samples are dropped: live values never wait for history.
 */
export class SampleStore {
  private readonly prisma: PrismaClient;
  private readonly logger: Logger;
  private readonly timer: NodeJS.Timeout;
  private queue: MetricSample[] = [];
  private writing: Promise<void> | null = null;
  private readonly daysKnown = new Set<string>();
  private dropped = 0;

  constructor(prisma: PrismaClient, logger: Logger) {
    this.prisma = prisma;
    this.logger = logger;
    this.timer = setInterval(() => void this.flush(), flushEveryMs);
  }

  get droppedSamples(): number {
    return this.dropped;
  }

  add(samples: MetricSample[]): void {
    this.queue.push(...samples);
    const excess = this.queue.length - queueMax;
    if (excess <= 0) return;
    this.dropped += excess;
    this.queue.splice(0, excess);
  }

  flush(): Promise<void> {
    this.writing ??= this.write().finally(() => {
      this.writing = null;
    });
    return this.writing;
  }

  async close(): Promise<void> {
    clearInterval(this.timer);
    await this.flush();
  }

  /**
   * The worst lag of each standby in at most 300 buckets of equal width; a bucket without a sample is missing.
   */
  async lag(clusterId: string, range: { fromMs: number; toMs: number }): Promise<LagBucket[]> {
    const widthMs = Math.max(1000, Math.ceil((range.toMs - range.fromMs) / bucketsMax / 1000) * 1000);
    const rows = await this.prisma.$queryRaw<
      { node: string; bucket: Date; bytes: bigint | null; ms: number | null }[]
    >`
      SELECT node, date_bin(make_interval(secs => ${widthMs / 1000}), at, 'epoch') AS bucket,
             max(lag_bytes) AS bytes, max(lag_ms) AS ms
      FROM metric_sample
      WHERE cluster_id = ${clusterId}::uuid AND role = 'standby'
        AND at >= ${new Date(range.fromMs)} AND at < ${new Date(range.toMs)}
      GROUP BY 1, 2 ORDER BY 2, 1`;
    return rows.map((row) => ({
      node: row.node,
      atMs: row.bucket.getTime(),
      lagBytesMax: row.bytes === null ? null : Number(row.bytes),
      lagMsMax: row.ms,
    }));
  }

  /** Drops days that are past their retention. Runs in one console instance at a time. */
  async expire(nowMs: number): Promise<string[]> {
    return this.prisma.$transaction(async (transaction) => {
      const [lock] = await transaction.$queryRaw<
        { got: boolean }[]
      >`SELECT pg_try_advisory_xact_lock(${retentionLock}) AS got`;
      if (!lock?.got) return [];
      const oldest = partitionOf(nowMs - sampleRetentionDays * dayMs);
      const tables = await transaction.$queryRaw<{ name: string }[]>`
        SELECT c.relname AS name FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
        WHERE i.inhparent = 'metric_sample'::regclass`;
      const expired = tables
        .map((table) => table.name)
        .filter((name) => name < oldest && /^metric_sample_\d{8}$/.test(name));
      for (const name of expired) await transaction.$executeRawUnsafe(`DROP TABLE ${name}`);
      return expired;
    });
  }

  private async write(): Promise<void> {
    const batch = this.queue;
    if (batch.length === 0) return;
    this.queue = [];
    try {
      for (const sample of batch) await this.ensureDay(sample.atMs);
      await this.prisma.$executeRaw`
        INSERT INTO metric_sample (cluster_id, node, at, role, state, timeline, wal_position, lag_bytes, lag_ms, sync,
                                   raft_term, raft_fsync_ms_max, raft_loop_delay_ms_max)
        VALUES ${sql.join(batch.map(rowOf))}
        ON CONFLICT DO NOTHING`;
    } catch (error) {
      this.dropped += batch.length;
      this.logger.warn({ error: messageOf(error), samples: batch.length }, 'metric samples were not stored');
    }
  }

  private async ensureDay(atMs: number): Promise<void> {
    const name = partitionOf(atMs);
    if (this.daysKnown.has(name)) return;
    const startMs = Math.floor(atMs / dayMs) * dayMs;
    const [from, to] = [startMs, startMs + dayMs].map((ms) => new Date(ms).toISOString());
    await this.prisma.$executeRawUnsafe(
      `CREATE TABLE IF NOT EXISTS ${name} PARTITION OF metric_sample FOR VALUES FROM ('${from}') TO ('${to}')`,
    );
    this.daysKnown.add(name);
  }
}

function partitionOf(atMs: number): string {
  return `metric_sample_${new Date(atMs).toISOString().slice(0, 10).replaceAll('-', '')}`;
}

function rowOf(sample: MetricSample): Prisma.Sql {
  const bytes = sample.lagBytes === null ? null : BigInt(Math.round(sample.lagBytes));
  return sql.sql`(${sample.clusterId}::uuid, ${sample.node}, ${new Date(sample.atMs)}, ${sample.role}, ${sample.state},
    ${sample.timeline}::int, ${sample.walPosition}::bigint, ${bytes}::bigint, ${sample.lagMs}::float8, ${sample.sync},
    ${sample.raftTerm}::bigint, ${sample.raftFsyncMsMax}::float8, ${sample.raftLoopDelayMsMax}::float8)`;
}
