import { messageOf } from '@quantadb/engine/shared/errors';
import type { Logger } from '@quantadb/engine/shared/logger';
import pg from 'pg';

/** Any number; it only has to be the same in every console instance. */
const evaluatorLock = 4_716_004;
const deadlineMs = 3000;
/** A console whose machine is gone without a word loses the lock after about 25 s. */
const keepAlive =
  'SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3';

/**
 * A session lock in the metadata database on a connection of its own: it ends with the connection, and with that when the
 * instance dies.
 */
export class InstanceLock {
  private readonly databaseUrl: string;
  private readonly logger: Logger;
  private client: pg.Client | null = null;
  private isHeld = false;

  constructor(databaseUrl: string, logger: Logger) {
    this.databaseUrl = databaseUrl;
    this.logger = logger;
  }

  /** As the server last said. */
  get held(): boolean {
    return this.isHeld;
  }

  /** Whether this instance has it now; asks the server every time, and takes the lock when it is free. */
  async holds(): Promise<boolean> {
    try {
      const client = this.client ?? (await this.connect());
      const sql = this.isHeld ? 'SELECT true AS got' : `SELECT pg_try_advisory_lock(${evaluatorLock}) AS got`;
      const { rows } = await client.query<{ got: boolean }>(sql);
      const got = rows[0]?.got === true && this.client === client;
      if (got && !this.isHeld) this.logger.info({}, 'this console judges the alerts now');
      this.isHeld = got;
      return got;
    } catch (error) {
      if (this.isHeld)
        this.logger.warn({ error: messageOf(error) }, 'this console no longer judges the alerts');
      this.forget();
      return false;
    }
  }

  async close(): Promise<void> {
    const { client } = this;
    this.client = null;
    this.isHeld = false;
    await client?.end().catch(() => undefined);
  }

  private async connect(): Promise<pg.Client> {
    const client = new pg.Client({
      connectionString: this.databaseUrl,
      ...{ connectionTimeoutMillis: deadlineMs, query_timeout: deadlineMs, keepAlive: true },
      application_name: 'quantadb alerts',
    });
    client.on('error', () => {
      if (this.client === client) this.forget();
    });
    this.client = client;
    await client.connect();
    await client.query(keepAlive);
    return client;
  }

  private forget(): void {
    const { client } = this;
    this.client = null;
    this.isHeld = false;
    void client?.end().catch(() => undefined);
  }
}
