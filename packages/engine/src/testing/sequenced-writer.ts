import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { systemClock } from '../shared/clock.ts';
import { messageOf } from '../shared/errors.ts';

export interface Endpoint {
  host: string;
  port: number;
}

export interface WriterOptions {
  endpoints: Endpoint[];
  credentials: { user: string; password: string; database: string };
  table: string;
  /** Pause between two writes, so that a run of minutes stays small. */
  pauseMs?: number;
}

export interface WriterResult {
  /** Every number whose INSERT was answered with success. */
  acknowledged: number[];
  /** Sent, but the connection ended before an answer: each may or may not be there. */
  inDoubt: number[];
  errors: string[];
}

/** Under way the next server is asked soon: one that does not answer may be the one that has just been lost. */
const connectTimeoutMs = 300;
/** At the start every server is known to be there, and a busy machine may take its time to say so. */
const firstConnectTimeoutMs = 10_000;
const retryMs = 10;

/**
 * Writes 1, 2, 3 … straight to whichever server takes writes, one transaction each, and remembers which were
 * acknowledged: what a client of the cluster would see of a failover.
 */
export class SequencedWriter {
  private readonly options: WriterOptions;
  private readonly result: WriterResult = { acknowledged: [], inDoubt: [], errors: [] };
  private readonly ackTimesMs: number[] = [];
  private client: pg.Client | null = null;
  private next = 1;
  private stopping = false;
  private loop: Promise<void> | null = null;

  constructor(options: WriterOptions) {
    this.options = options;
  }

  async start(): Promise<void> {
    const client = await this.connect(firstConnectTimeoutMs);
    await client.query(`CREATE TABLE IF NOT EXISTS ${this.options.table} (n bigint PRIMARY KEY)`);
    this.loop = this.run();
  }

  async stop(): Promise<WriterResult> {
    this.stopping = true;
    await this.loop;
    await this.disconnect();
    return this.result;
  }

  acknowledgedCount(): number {
    return this.result.acknowledged.length;
  }

  /** When each was acknowledged: CLOCK_MONOTONIC ms, in their order. */
  acknowledgedAtMs(): readonly number[] {
    return this.ackTimesMs;
  }

  /**
   * The longest time without an acknowledged write among those that ended after `sinceMs` (CLOCK_MONOTONIC ms).
   */
  longestPauseMs(sinceMs: number): number {
    const times = this.ackTimesMs.filter((atMs) => atMs >= sinceMs - 1000);
    return times.reduce((longest, atMs, index) => Math.max(longest, atMs - (times[index - 1] ?? atMs)), 0);
  }

  private async run(): Promise<void> {
    while (!this.stopping) {
      const number = this.next;
      try {
        const client = this.client ?? (await this.connect(connectTimeoutMs));
        this.next += 1;
        await client.query(`INSERT INTO ${this.options.table} VALUES ($1)`, [number]);
        this.result.acknowledged.push(number);
        this.ackTimesMs.push(systemClock.monotonicMs());
        if (this.options.pauseMs) await delay(this.options.pauseMs);
      } catch (error) {
        if (this.next > number) this.result.inDoubt.push(number);
        this.result.errors.push(messageOf(error));
        await this.disconnect();
        await delay(retryMs);
      }
    }
  }

  private async connect(timeoutMs: number): Promise<pg.Client> {
    const reasons: string[] = [];
    for (const endpoint of this.options.endpoints) {
      const client = new pg.Client({
        ...endpoint,
        ...this.options.credentials,
        connectionTimeoutMillis: timeoutMs,
      });
      client.on('error', () => {
        if (this.client === client) this.client = null;
      });
      try {
        await client.connect();
        const { rows } = await client.query<{ standby: boolean }>('SELECT pg_is_in_recovery() AS standby');
        if (rows[0]?.standby === false) {
          this.client = client;
          return client;
        }
        reasons.push(`${endpoint.port}: a standby`);
      } catch (error) {
        reasons.push(`${endpoint.port}: ${messageOf(error)}`);
      }
      await client.end().catch(() => undefined);
    }
    throw new Error(`no server takes writes (${reasons.join('; ')})`);
  }

  private async disconnect(): Promise<void> {
    const { client } = this;
    this.client = null;
    await client?.end().catch(() => undefined);
  }
}

/** Acknowledged numbers that a server does not hold: must be empty. */
export async function missingNumbers(
  client: pg.Client,
  table: string,
  acknowledged: number[],
): Promise<number[]> {
  const { rows } = await client.query<{ n: string }>(`SELECT n FROM ${table}`);
  const held = new Set(rows.map((row) => Number(row.n)));
  return acknowledged.filter((number) => !held.has(number));
}
