import pg from 'pg';
import { replicationRole } from '../../postgres/layout.ts';
import type { ServerAddress } from '../net/target.ts';

export interface ControlTls {
  ca: string;
  cert: string;
  key: string;
}

const retryMs = 500;
/** Of all connections of this process: whoever has another number has another connection. */
let connects = 0;

/**
 * The router's own connection to one server: as the replication role, proven by the host's certificate. It asks for what
 * every host of the cluster may know anyway (a base backup holds it): stored passwords, positions in WAL.
 */
export class ControlConnection {
  private readonly address: ServerAddress;
  private readonly tls: () => ControlTls;
  private client: pg.Client | null = null;
  private opened: number | null = null;
  private connecting: Promise<pg.Client> | null = null;
  private retryAtMs = 0;
  private isClosed = false;

  constructor(address: ServerAddress, tls: () => ControlTls) {
    this.address = address;
    this.tls = tls;
  }

  /** @throws whatever connecting or asking failed with; the next call connects anew */
  async ask<Row extends object>(text: string, values: unknown[], timeoutMs: number): Promise<Row[]> {
    const client = this.client ?? (await this.connect(timeoutMs));
    try {
      const { rows } = await client.query<Row & Record<string, unknown>>({
        ...{ text, values, query_timeout: timeoutMs },
      } as pg.QueryConfig);
      return rows;
    } catch (error) {
      this.drop(client);
      throw error;
    }
  }

  /** Its number; null: there is none open. */
  get session(): number | null {
    return this.client === null ? null : this.opened;
  }

  close(): void {
    this.isClosed = true;
    if (this.client) this.drop(this.client);
  }

  private connect(timeoutMs: number): Promise<pg.Client> {
    if (this.isClosed) return Promise.reject(new Error('closed'));
    if (Date.now() < this.retryAtMs && !this.connecting)
      return Promise.reject(new Error('it did not answer a moment ago'));
    this.connecting ??= this.dial(timeoutMs).finally(() => {
      this.connecting = null;
    });
    return this.connecting;
  }

  private async dial(timeoutMs: number): Promise<pg.Client> {
    const { host, port } = this.address;
    const client = new pg.Client({
      ...{ host, port, user: replicationRole, database: 'postgres', application_name: 'quantadb router' },
      ssl: { ...this.tls(), rejectUnauthorized: true },
      connectionTimeoutMillis: timeoutMs,
      keepAlive: true,
    });
    client.on('error', () => this.drop(client));
    client.on('end', () => this.drop(client));
    try {
      await client.connect();
    } catch (error) {
      this.retryAtMs = Date.now() + retryMs;
      throw error;
    }
    if (this.isClosed) this.drop(client);
    this.client = client;
    this.opened = ++connects;
    return client;
  }

  private drop(client: pg.Client): void {
    if (this.client === client) this.client = null;
    // Not its polite end: that waits for an answer of a server that may be gone.
    const { connection } = client as unknown as { connection: { stream: { destroy(): void } } };
    connection.stream.destroy();
  }
}
