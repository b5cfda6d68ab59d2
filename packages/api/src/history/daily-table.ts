import type { Prisma, PrismaClient } from '@quantadb/prisma/client';

export const dayMs = 24 * 3_600_000;

/** A table with a partition per UTC day, made when its first row comes; dropping one is how rows expire. */
export class DailyTable {
  private readonly prisma: PrismaClient;
  private readonly name: 'metric_sample' | 'node_figures' | 'statement_figures';
  private readonly known = new Set<string>();

  constructor(prisma: PrismaClient, name: DailyTable['name']) {
    this.prisma = prisma;
    this.name = name;
  }

  /** That the rows of these moments have a place. */
  async ensureDays(rows: readonly { atMs: number }[]): Promise<void> {
    const days = new Set(rows.map(({ atMs }) => Math.floor(atMs / dayMs) * dayMs));
    for (const startMs of days) await this.ensureDay(startMs);
  }

  private async ensureDay(startMs: number): Promise<void> {
    const partition = this.partitionOf(startMs);
    if (this.known.has(partition)) return;
    const [from, to] = [startMs, startMs + dayMs].map((ms) => new Date(ms).toISOString());
    await this.prisma.$executeRawUnsafe(
      `CREATE TABLE IF NOT EXISTS ${partition} PARTITION OF ${this.name} FOR VALUES FROM ('${from}') TO ('${to}')`,
    );
    this.known.add(partition);
  }

  /** Drops the days before that of `oldestMs`. @returns the names of what was dropped */
  async expire(transaction: Prisma.TransactionClient, oldestMs: number): Promise<string[]> {
    const oldest = this.partitionOf(oldestMs);
    const tables = await transaction.$queryRaw<{ name: string }[]>`
      SELECT c.relname AS name FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
      WHERE i.inhparent = ${this.name}::regclass`;
    const isPartition = new RegExp(`^${this.name}_\\d{8}$`);
    const expired = tables.map(({ name }) => name).filter((name) => name < oldest && isPartition.test(name));
    for (const name of expired) await transaction.$executeRawUnsafe(`DROP TABLE ${name}`);
    return expired;
  }

  private partitionOf(atMs: number): string {
    return `${this.name}_${new Date(atMs).toISOString().slice(0, 10).replaceAll('-', '')}`;
  }
}
