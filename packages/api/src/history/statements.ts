import {
  type StatementFigure,
  type StatementFigures,
  type StatementSpent,
  statementFigureNames,
} from '@quantadb/engine/contract/statements';
import type { Logger } from '@quantadb/engine/shared/logger';
import type { PrismaClient } from '@quantadb/prisma/client';
import { Prisma as sql } from '@quantadb/prisma/client';
import type { MetadataPools } from '../metadata-pool.ts';
import { storable } from '../storable.ts';
import { DailyTable, dayMs } from './daily-table.ts';
import { inOneInstance } from './retention.ts';
import { WriteQueue } from './write-queue.ts';

/** What one node has told in one minute. */
export interface StatementsRow {
  clusterId: string;
  node: string;
  atMs: number;
  top: StatementSpent[];
  rest: StatementFigures;
  problem: string | null;
}

export interface StatementRange {
  clusterId: string;
  /** Null: all of them together. */
  node: string | null;
  fromMs: number;
  toMs: number;
}

export interface StatementIdentity {
  queryId: string;
  user: string;
  database: string;
}

export type TopStatement = StatementFigures & StatementIdentity & { meanMs: number; text: string | null };

export const statementDays = 7;
const bucketsMax = 300;
const bucketMs = 60_000;
/** Of a cluster; those seen last stay. */
const textsMax = 20_000;
const textsTidiedEveryMs = 3_600_000;
/** Each has up to fifty statements with their texts. */
const rowsAtOnce = 5;

const columns: Record<StatementFigure, string> = {
  calls: 'calls',
  totalMs: 'total_ms',
  rows: 'rows',
  blocksHit: 'blocks_hit',
  blocksRead: 'blocks_read',
  tempBlocks: 'temp_blocks',
  walBytes: 'wal_bytes',
};
export const statementOrders = [...statementFigureNames, 'meanMs'] as const;
export type StatementOrder = (typeof statementOrders)[number];
const mean = 'sum(total_ms) / greatest(sum(calls), 1)';
const insertFigures = {
  name: 'statement figures',
  text: `
    INSERT INTO statement_figures SELECT * FROM json_populate_recordset(NULL::statement_figures, $1::json)
    ON CONFLICT DO NOTHING`,
};
const insertTexts = {
  name: 'statement texts',
  text: `
    INSERT INTO statement_text AS known
    SELECT * FROM json_populate_recordset(NULL::statement_text, $1::json) ORDER BY 1, 2
    ON CONFLICT (cluster_id, query_id) DO UPDATE SET seen_at = excluded.seen_at
    WHERE known.seen_at < excluded.seen_at - interval '1 hour'`,
};
const insertSources = {
  name: 'statement sources',
  text: `
    INSERT INTO statement_source
    SELECT * FROM json_populate_recordset(NULL::statement_source, $1::json) ORDER BY 1, 2
    ON CONFLICT (cluster_id, node) DO UPDATE SET at = excluded.at, problem = excluded.problem`,
};

/** What nodes tell of their statements, at the grain of a minute for a week; texts once. */
export class StatementStore {
  private readonly prisma: PrismaClient;
  private readonly pools: MetadataPools;
  private readonly table: DailyTable;
  private readonly queue: WriteQueue<StatementsRow>;
  private textsTidiedMs = 0;

  constructor(prisma: PrismaClient, pools: MetadataPools, logger: Logger) {
    this.prisma = prisma;
    this.pools = pools;
    this.table = new DailyTable(prisma, 'statement_figures');
    const write = (rows: StatementsRow[]) => this.write(rows);
    this.queue = new WriteQueue({ what: 'figures of statements', logger, rowsAtOnce, write });
  }

  get dropped(): number {
    return this.queue.dropped;
  }

  add(row: StatementsRow): void {
    this.queue.add([row]);
  }

  flush(): Promise<void> {
    return this.queue.flush();
  }

  close(): Promise<void> {
    return this.queue.close();
  }

  /** Those with the most of what they are ordered by, and what all together have taken. */
  async top(
    range: StatementRange,
    { order, limit }: { order: StatementOrder; limit: number },
  ): Promise<{ statements: TopStatement[]; all: StatementFigures }> {
    const by = sql.raw(order === 'meanMs' ? mean : `sum(${columns[order]})`);
    const statements = await this.prisma.$queryRaw<TopStatement[]>`
      SELECT told.*, text.text FROM (
        SELECT query_id::text AS "queryId", user_name AS "user", database_name AS database, ${sums},
          ${sql.raw(mean)} AS "meanMs", ${by} AS place
        FROM statement_figures WHERE ${within(range)} AND query_id <> 0
        GROUP BY query_id, user_name, database_name ORDER BY place DESC, query_id LIMIT ${limit}
      ) told
      LEFT JOIN statement_text text ON text.cluster_id = ${range.clusterId}::uuid AND text.query_id = told."queryId"::bigint
      ORDER BY place DESC, "queryId"`;
    const [all] = await this.prisma.$queryRaw<StatementFigures[]>`
      SELECT ${sums} FROM statement_figures WHERE ${within(range)}`;
    return { statements: statements.map(named), all: figuresOf(all) };
  }

  /** One statement over time, in at most 300 buckets of equal width; one in which it did not run is missing. */
  async history(
    range: StatementRange,
    { queryId, user, database }: StatementIdentity,
  ): Promise<{ widthMs: number; buckets: (StatementFigures & { atMs: number })[] }> {
    const widthMs = widthOf(range);
    const rows = await this.prisma.$queryRaw<(StatementFigures & { bucket: Date })[]>`
      SELECT date_bin(make_interval(secs => ${widthMs / 1000}), at, 'epoch') AS bucket, ${sums}
      FROM statement_figures
      WHERE ${within(range)} AND query_id = ${queryId}::bigint AND user_name = ${user} AND database_name = ${database}
      GROUP BY 1 ORDER BY 1`;
    const buckets = rows.map(({ bucket, ...figures }) => ({
      ...figuresOf(figures),
      atMs: bucket.getTime(),
    }));
    return { widthMs, buckets };
  }

  /** Which nodes have told last of their statements, and why one cannot. */
  sources(clusterId: string): Promise<{ node: string; at: Date; problem: string | null }[]> {
    return this.prisma.$queryRaw`
      SELECT node, at, problem FROM statement_source WHERE cluster_id = ${clusterId}::uuid ORDER BY node`;
  }

  /** Forgets what is too old. Runs in one console instance at a time. */
  async tidy(nowMs: number): Promise<string[]> {
    const areTextsDue = nowMs - this.textsTidiedMs >= textsTidiedEveryMs;
    const done = await inOneInstance(this.prisma, async (transaction) => {
      const oldest = new Date(nowMs - (statementDays + 1) * dayMs);
      if (areTextsDue) {
        await transaction.$executeRaw`DELETE FROM statement_text WHERE seen_at < ${oldest}`;
        await transaction.$executeRaw`DELETE FROM statement_source WHERE at < ${oldest}`;
        await transaction.$executeRaw`
          DELETE FROM statement_text text USING (
            SELECT cluster_id, query_id, row_number() OVER (PARTITION BY cluster_id ORDER BY seen_at DESC) AS place
            FROM statement_text
          ) ranked
          WHERE ranked.place > ${textsMax} AND (text.cluster_id, text.query_id) = (ranked.cluster_id, ranked.query_id)`;
      }
      return this.table.expire(transaction, nowMs - statementDays * dayMs);
    });
    if (done && areTextsDue) this.textsTidiedMs = nowMs;
    return done ?? [];
  }

  private async write(rows: StatementsRow[]): Promise<void> {
    const { bulk } = this.pools;
    await this.table.ensureDays(rows);
    // As one value each: a minute of many nodes has more of them than a statement may have parameters.
    const figures = rows.flatMap(figureRows);
    if (figures.length > 0)
      await bulk.query({ ...insertFigures, values: [JSON.stringify(storable(figures))] });
    const texts = new Map(rows.flatMap(textRows).map((row) => [`${row.cluster_id} ${row.query_id}`, row]));
    if (texts.size > 0) await bulk.query({ ...insertTexts, values: [JSON.stringify([...texts.values()])] });
    const newest = new Map(rows.map((row) => [`${row.clusterId} ${row.node}`, row]));
    const sources = [...newest.values()].map(({ clusterId, node, atMs, problem }) => {
      return { cluster_id: clusterId, node, at: new Date(atMs), problem };
    });
    await bulk.query({ ...insertSources, values: [JSON.stringify(storable(sources))] });
  }
}

const sums = sql.raw(
  statementFigureNames.map((name) => `coalesce(sum(${columns[name]}), 0) AS "${name}"`).join(', '),
);

function within({ clusterId, node, fromMs, toMs }: StatementRange): sql.Sql {
  const ofNode = node === null ? sql.empty : sql.sql`AND node = ${node}`;
  return sql.sql`cluster_id = ${clusterId}::uuid AND at >= ${new Date(fromMs)} AND at < ${new Date(toMs)} ${ofNode}`;
}

function widthOf({ fromMs, toMs }: StatementRange): number {
  return Math.max(bucketMs, Math.ceil((toMs - fromMs) / bucketsMax / bucketMs) * bucketMs);
}

function figuresOf(row: StatementFigures | undefined): StatementFigures {
  const entries = statementFigureNames.map((name) => [name, row?.[name] ?? 0]);
  return Object.fromEntries(entries) as StatementFigures;
}

function named(row: TopStatement): TopStatement {
  const { queryId, user, database, text, meanMs } = row;
  return { queryId, user, database, text, meanMs, ...figuresOf(row) };
}

function figureRows({ clusterId, node, atMs, top, rest }: StatementsRow) {
  const common = { cluster_id: clusterId, node, at: new Date(atMs) };
  const row = (identity: StatementIdentity, figures: StatementFigures) => ({
    ...common,
    ...{ query_id: identity.queryId, user_name: identity.user, database_name: identity.database },
    ...Object.fromEntries(statementFigureNames.map((name) => [columns[name], figures[name]])),
  });
  const others = { queryId: '0', user: '', database: '' };
  return [...top.map((each) => row(each, each)), ...(rest.calls > 0 ? [row(others, rest)] : [])];
}

function textRows({ clusterId, atMs, top }: StatementsRow) {
  return top.flatMap(({ queryId, text }) =>
    text === null
      ? []
      : [
          {
            cluster_id: clusterId,
            query_id: queryId,
            text: storable(text),
            seen_at: new Date(atMs),
          },
        ],
  );
}
