import type { Logger } from '@quantadb/engine/shared/logger';
import type { PrismaClient } from '@quantadb/prisma/client';
import type { MetadataPools } from '../metadata-pool.ts';
import { DailyTable, dayMs } from './daily-table.ts';
import { inOneInstance } from './retention.ts';
import { WriteQueue } from './write-queue.ts';

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
const bucketsMax = 300;
/** As one value: of a thousand nodes each second the parameters alone would cost more than everything else. */
const insert = {
  name: 'samples',
  text: `
    INSERT INTO metric_sample SELECT * FROM json_populate_recordset(NULL::metric_sample, $1::json)
    ON CONFLICT DO NOTHING`,
};

/** One row per node and second: what the decider saw of replication. */
export class SampleStore {
  private readonly prisma: PrismaClient;
  private readonly pools: MetadataPools;
  private readonly table: DailyTable;
  private readonly queue: WriteQueue<MetricSample>;

  constructor(prisma: PrismaClient, pools: MetadataPools, logger: Logger) {
    this.prisma = prisma;
    this.pools = pools;
    this.table = new DailyTable(prisma, 'metric_sample');
    this.queue = new WriteQueue({ what: 'metric samples', logger, write: (rows) => this.write(rows) });
  }

  get droppedSamples(): number {
    return this.queue.dropped;
  }

  add(samples: MetricSample[]): void {
    this.queue.add(samples);
  }

  flush(): Promise<void> {
    return this.queue.flush();
  }

  close(): Promise<void> {
    return this.queue.close();
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
    const dropped = await inOneInstance(this.prisma, (transaction) =>
      this.table.expire(transaction, nowMs - sampleRetentionDays * dayMs),
    );
    return dropped ?? [];
  }

  private async write(batch: MetricSample[]): Promise<void> {
    await this.table.ensureDays(batch);
    await this.pools.bulk.query({ ...insert, values: [JSON.stringify(batch.map(rowOf))] });
  }
}

/** Under the names of the table's columns. */
function rowOf(sample: MetricSample) {
  const { clusterId, node, atMs, role, state, timeline, walPosition, lagBytes, lagMs, sync } = sample;
  return {
    ...{ cluster_id: clusterId, node, at: new Date(atMs), role, state, timeline, sync, lag_ms: lagMs },
    wal_position: walPosition === null ? null : String(walPosition),
    lag_bytes: lagBytes === null ? null : Math.round(lagBytes),
    raft_term: sample.raftTerm,
    raft_fsync_ms_max: sample.raftFsyncMsMax,
    raft_loop_delay_ms_max: sample.raftLoopDelayMsMax,
  };
}
