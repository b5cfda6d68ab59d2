import { messageOf } from '@quantadb/engine/shared/errors';
import type { Logger } from '@quantadb/engine/shared/logger';
import pg from 'pg';

const connectionsMax = 3;
const connectTimeoutMs = 5000;
const statementTimeoutMs = 10_000;

/** What is asked for each request and each look, and what is written in bulk: of a thousand nodes it would cost many times more by Prisma. */
export interface MetadataPools {
  /** Small questions: they never wait behind what is written. */
  questions: pg.Pool;
  /**
   * Statuses and history of each second. Their commits do not wait for the disk: what a crash of PostgreSQL takes of them, the last
   * fraction of a second, is told anew (statuses) or missing in a chart.
   */
  bulk: pg.Pool;
}

export function createMetadataPools(connectionString: string, logger: Logger): MetadataPools {
  return {
    questions: createPool({ connectionString }, logger),
    bulk: createPool({ connectionString, options: '-c synchronous_commit=off' }, logger),
  };
}

function createPool(config: pg.PoolConfig, logger: Logger): pg.Pool {
  const pool = new pg.Pool({
    ...{ ...config, max: connectionsMax, connectionTimeoutMillis: connectTimeoutMs },
    ...{ statement_timeout: statementTimeoutMs, query_timeout: statementTimeoutMs + connectTimeoutMs },
  });
  pool.on('error', (error) =>
    logger.warn({ error: messageOf(error) }, 'a connection to the metadata database broke; it is made again'),
  );
  return pool;
}

/** PostgreSQL's class of errors in the data itself: a zero byte in a text, for one. */
export function isDataError(error: unknown): boolean {
  return /^22/.test((error as { code?: string }).code ?? '');
}
