import {
  type NodeFigures,
  type NodeFiguresTold,
  type NodeMetric,
  nodeMetricNames,
} from '@quantadb/engine/contract/node-metrics';
import type { Logger } from '@quantadb/engine/shared/logger';
import type { PrismaClient } from '@quantadb/prisma/client';
import { Prisma as sql } from '@quantadb/prisma/client';
import type { MetadataPools } from '../metadata-pool.ts';
import { DailyTable, dayMs } from './daily-table.ts';
import { inOneInstance } from './retention.ts';
import { WriteQueue } from './write-queue.ts';

export interface FiguresRow {
  clusterId: string;
  node: string;
  atMs: number;
  figures: NodeFiguresTold['figures'];
}

interface Look {
  clusterId: string;
  node: string;
  figures: NodeFigures;
}

export interface FiguresBucket {
  node: string;
  atMs: number;
  /** Of each metric that was asked for, in that order; null where none was told. */
  mean: (number | null)[];
  low: (number | null)[];
  high: (number | null)[];
}

/** As they came, every few seconds. */
export const rawDays = 2;
export const rollupDays = 31;
const rollupMs = 5 * 60_000;
/** So long a report may be under way. */
const lateMs = 60_000;
/** How far back the first one of this process reaches. */
const rollupFirstMs = 2 * 3_600_000;
const bucketsMax = 300;
/** Wider ranges are drawn from the five minutes. */
const rawRangeMsMax = 6 * 3_600_000;
const insert = {
  name: 'figures',
  text: `
    INSERT INTO node_figures SELECT * FROM json_populate_recordset(NULL::node_figures, $1::json)
    ON CONFLICT DO NOTHING`,
};
const latestSql = `
  SELECT DISTINCT ON (cluster_id, node) cluster_id AS "clusterId", node, figures FROM node_figures
  WHERE at > $1 AND cluster_id::text || ' ' || node <> ALL ($2::text[])
  ORDER BY cluster_id, node, at DESC`;

/** What nodes tell of themselves over time: as it came for two days, in five minutes for a month. */
export class FiguresStore {
  private readonly prisma: PrismaClient;
  private readonly pools: MetadataPools;
  private readonly table: DailyTable;
  private readonly queue: WriteQueue<FiguresRow>;
  private rolledUpToMs = 0;
  /** The last look of each node that has told one here lately. */
  private readonly told = new Map<string, FiguresRow>();

  constructor(prisma: PrismaClient, pools: MetadataPools, logger: Logger) {
    this.prisma = prisma;
    this.pools = pools;
    this.table = new DailyTable(prisma, 'node_figures');
    this.queue = new WriteQueue({ what: 'figures of nodes', logger, write: (rows) => this.write(rows) });
  }

  get dropped(): number {
    return this.queue.dropped;
  }

  add(row: FiguresRow): void {
    this.told.set(`${row.clusterId} ${row.node}`, row);
    this.queue.add([row]);
  }

  flush(): Promise<void> {
    return this.queue.flush();
  }

  close(): Promise<void> {
    return this.queue.close();
  }

  /** At most 300 buckets of equal width for each node; one without a look is missing. */
  async read(
    clusterId: string,
    names: readonly NodeMetric[],
    { fromMs, toMs }: { fromMs: number; toMs: number },
  ): Promise<FiguresBucket[]> {
    const isRaw = toMs - fromMs <= rawRangeMsMax;
    const stepMs = isRaw ? 5_000 : rollupMs;
    const widthMs = Math.max(stepMs, Math.ceil((toMs - fromMs) / bucketsMax / stepMs) * stepMs);
    const positions = names.map(positionOf);
    const columns = (how: 'avg' | 'min' | 'max', array: string) =>
      sql.raw(`ARRAY[${positions.map((position) => `${how}(${array}[${position}])`).join(', ')}]`);
    const source = isRaw ? 'figures' : null;
    const rows = await this.prisma.$queryRaw<(Omit<FiguresBucket, 'atMs'> & { bucket: Date })[]>`
      SELECT node, date_bin(make_interval(secs => ${widthMs / 1000}), at, 'epoch') AS bucket,
             ${columns('avg', source ?? 'mean')} AS mean, ${columns('min', source ?? 'low')} AS low,
             ${columns('max', source ?? 'high')} AS high
      FROM ${sql.raw(isRaw ? 'node_figures' : 'node_figures_rollup')}
      WHERE cluster_id = ${clusterId}::uuid AND at >= ${new Date(fromMs)} AND at < ${new Date(toMs)}
      GROUP BY 1, 2 ORDER BY 2, 1`;
    return rows.map(({ bucket, ...row }) => ({ ...row, atMs: bucket.getTime() }));
  }

  /** The last look of every node since then: as it was told here, or as another console has stored it. */
  async latest(sinceMs: number): Promise<Look[]> {
    this.forgetUntil(sinceMs);
    const { rows } = await this.pools.questions.query<{
      clusterId: string;
      node: string;
      figures: (number | null)[];
    }>(latestSql, [new Date(sinceMs), [...this.told.keys()]]);
    const stored = rows.map(({ clusterId, node, figures: told }) => {
      const figures: NodeFigures = {};
      for (const [at, name] of nodeMetricNames.entries()) figures[name] = told[at] ?? undefined;
      return { clusterId, node, figures };
    });
    const here = [...this.told.values()].map(({ clusterId, node, figures }) => ({
      clusterId,
      node,
      figures,
    }));
    return [...here, ...stored];
  }

  /** Makes the five minutes of what has come since, and forgets what is too old. Runs in one console instance at a time. */
  async tidy(nowMs: number): Promise<string[]> {
    this.forgetUntil(nowMs - lateMs);
    const done = await inOneInstance(this.prisma, async (transaction) => {
      const upToMs = Math.floor((nowMs - lateMs) / rollupMs) * rollupMs;
      if (upToMs <= this.rolledUpToMs) return null;
      const fromMs = Math.max(this.rolledUpToMs, upToMs - rollupFirstMs);
      await transaction.$executeRaw`
        INSERT INTO node_figures_rollup (cluster_id, node, at, mean, low, high)
        SELECT cluster_id, node, date_bin('5 minutes', at, 'epoch'), ${all('avg')}, ${all('min')}, ${all('max')}
        FROM node_figures
        WHERE at >= ${new Date(fromMs)} AND at < ${new Date(upToMs)}
        GROUP BY 1, 2, 3 ON CONFLICT DO NOTHING`;
      await transaction.$executeRaw`
        DELETE FROM node_figures_rollup WHERE at < ${new Date(nowMs - rollupDays * dayMs)}`;
      const expired = await this.table.expire(transaction, nowMs - rawDays * dayMs);
      return { expired, upToMs };
    });
    if (done) this.rolledUpToMs = done.upToMs;
    return done?.expired ?? [];
  }

  private forgetUntil(atMs: number): void {
    for (const [key, row] of this.told) if (row.atMs <= atMs) this.told.delete(key);
  }

  private async write(rows: FiguresRow[]): Promise<void> {
    await this.table.ensureDays(rows);
    const values = rows.map(({ clusterId, node, atMs, figures }) => {
      const told = nodeMetricNames.map((name) => figures[name] ?? null);
      return { cluster_id: clusterId, node, at: new Date(atMs), figures: told };
    });
    await this.pools.bulk.query({ ...insert, values: [JSON.stringify(values)] });
  }
}

/** Arrays begin at 1. */
function positionOf(name: NodeMetric): number {
  return nodeMetricNames.indexOf(name) + 1;
}

function all(how: 'avg' | 'min' | 'max') {
  return sql.raw(`ARRAY[${nodeMetricNames.map((_, at) => `${how}(figures[${at + 1}])`).join(', ')}]`);
}
