import { messageOf } from '@quantadb/engine/shared/errors';
import type { Logger } from '@quantadb/engine/shared/logger';
import pg from 'pg';

const connectionsMax = 3;
const connectTimeoutMs = 5000;
const statementTimeoutMs = 10_000;

/**
 * Connections for the few large statements of each second (statuses, history), straight to PostgreSQL: arrays of thousands of
 * values cost many times more on their way through Prisma.
 */
export function createMetadataPool(connectionString: string, logger: Logger): pg.Pool {
  const pool = new pg.Pool({
    ...{ connectionString, max: connectionsMax, connectionTimeoutMillis: connectTimeoutMs },
    ...{ statement_timeout: statementTimeoutMs, query_timeout: statementTimeoutMs + connectTimeoutMs },
  });
  pool.on('error', (error) =>
    logger.warn({ error: messageOf(error) }, 'a connection to the metadata database broke; it is made again'),
  );
  return pool;
}
