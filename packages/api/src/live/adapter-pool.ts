import { messageOf } from '@quantadb/engine/shared/errors';
import type { Logger } from '@quantadb/engine/shared/logger';
import pg from 'pg';

const connectionsMax = 4;

/**
 * The connections through which console instances hear each other. Socket.IO's adapter takes one of them to listen on and
 * never gives it back, nor does it hear that connection's errors: both is done here.
 */
export class AdapterPool {
  readonly pool: pg.Pool;
  private readonly clients = new Set<pg.PoolClient>();

  constructor(connectionString: string, logger: Logger) {
    const broke = (error: unknown) =>
      logger.warn({ error: messageOf(error) }, 'a connection between consoles broke; it is made again');
    this.pool = new pg.Pool({ connectionString, max: connectionsMax });
    this.pool.on('error', broke);
    this.pool.on('connect', (client) => {
      this.clients.add(client);
      client.on('error', broke);
    });
    this.pool.on('remove', (client) => this.clients.delete(client));
  }

  async close(): Promise<void> {
    // Not waited for: it would wait for the one that is never given back.
    void this.pool.end();
    for (const client of this.clients) client.removeAllListeners('end');
    const ends = [...this.clients].map((client) => (client as unknown as pg.Client).end());
    await Promise.allSettled(ends);
  }
}
