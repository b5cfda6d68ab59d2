import { setTimeout as delay } from 'node:timers/promises';
import { systemClock } from '@quantadb/engine/shared/clock';
import { messageOf } from '@quantadb/engine/shared/errors';
import { missingNumbers } from '@quantadb/engine/testing/sequenced-writer';
import type pg from 'pg';
import { Acknowledgements } from './acknowledgements.ts';
import { type CheckedNode, type Credentials, connectTo } from './node-client.ts';

export const checkedTable = 'checked';

const retryMs = 50;
const pauseMs = 10;
const valuesPerNode = 1_000_000_000;

/**
 * Writes through every node at once, straight to its PostgreSQL, whatever it answers, so that afterwards can be
 * checked what was acknowledged. Every writer has numbers of its own and uses none twice.
 */
export class WriteChecker {
  readonly acknowledgements = new Acknowledgements();
  private readonly nodes: CheckedNode[];
  private readonly credentials: Credentials;
  private readonly nextOf: Map<string, number>;
  private loops: Promise<void>[] = [];
  private isStopped = true;

  constructor(nodes: CheckedNode[], credentials: Credentials) {
    this.nodes = nodes;
    this.credentials = credentials;
    this.nextOf = new Map(nodes.map((node, index) => [node.name, (index + 1) * valuesPerNode]));
  }

  async start(primary: CheckedNode): Promise<void> {
    const client = await connectTo(primary, this.credentials);
    await client.query(`CREATE TABLE IF NOT EXISTS ${checkedTable} (n bigint PRIMARY KEY)`);
    await client.end();
    this.isStopped = false;
    this.loops = this.nodes.map((node) => this.writeThrough(node));
  }

  /** Afterwards nothing is on its way any more; it can be started again. */
  async stop(): Promise<void> {
    this.isStopped = true;
    await Promise.all(this.loops);
  }

  count(): number {
    return this.acknowledgements.all.length;
  }

  /** Acknowledged rows that a node does not hold. */
  async missingOn(node: CheckedNode): Promise<number[]> {
    const client = await connectTo(node, this.credentials);
    try {
      const values = this.acknowledgements.all.map((each) => each.value);
      return await missingNumbers(client, checkedTable, values);
    } finally {
      await client.end();
    }
  }

  /** Stands for everything in a node's table. */
  async digestOf(node: CheckedNode): Promise<string> {
    const client = await connectTo(node, this.credentials);
    try {
      const { rows } = await client.query<{ digest: string }>(
        `SELECT count(*) || ' ' || coalesce(md5(string_agg(n::text, ',' ORDER BY n)), '') AS digest FROM ${checkedTable}`,
      );
      return rows[0]?.digest ?? '';
    } finally {
      await client.end();
    }
  }

  private async writeThrough(node: CheckedNode): Promise<void> {
    let client: pg.Client | null = null;
    while (!this.isStopped) {
      try {
        client ??= await connectTo(node, this.credentials);
        await this.write(client, node.name);
        await delay(pauseMs);
      } catch (error) {
        const isReadOnly = messageOf(error).includes('read-only');
        if (!isReadOnly) {
          await client?.end().catch(() => undefined);
          client = null;
        }
        await delay(retryMs);
      }
    }
    await client?.end().catch(() => undefined);
  }

  private async write(client: pg.Client, node: string): Promise<void> {
    const value = this.nextOf.get(node) ?? 0;
    this.nextOf.set(node, value + 1);
    const sentMs = systemClock.monotonicMs();
    const { rows } = await client.query<{ timeline: string }>(
      `INSERT INTO ${checkedTable} VALUES ($1) RETURNING left(pg_walfile_name(pg_current_wal_insert_lsn()), 8) AS timeline`,
      [value],
    );
    const answeredMs = systemClock.monotonicMs();
    const timeline = Number.parseInt(rows[0]?.timeline ?? '', 16);
    this.acknowledgements.add({ value, node, timeline, sentMs, answeredMs });
  }
}
