import { setTimeout as delay } from 'node:timers/promises';
import { systemClock } from '@quantadb/engine/shared/clock';
import type pg from 'pg';
import { type CheckedNode, type Credentials, connectTo } from './node-client.ts';

interface Read {
  node: string;
  isStandby: boolean;
  sentMs: number;
}

const pauseMs = 20;
const retryMs = 50;

/** Reads a table through every node at once, and notes what was answered, and whether by a standby. */
export class ReadWatcher {
  private readonly nodes: CheckedNode[];
  private readonly credentials: Credentials;
  private readonly table: string;
  private readonly reads: Read[] = [];
  private loops: Promise<void>[] = [];
  private isStopped = false;

  constructor(nodes: CheckedNode[], credentials: Credentials, table: string) {
    this.nodes = nodes;
    this.credentials = credentials;
    this.table = table;
  }

  start(): void {
    this.loops = this.nodes.map((node) => this.readThrough(node));
  }

  async stop(): Promise<void> {
    this.isStopped = true;
    await Promise.all(this.loops);
  }

  /** How many of the reads that were sent since then each node has answered. */
  countsSince(sinceMs: number): Record<string, number> {
    const counts = Object.fromEntries(this.nodes.map((node) => [node.name, 0]));
    for (const { node, sentMs } of this.reads) if (sentMs >= sinceMs) counts[node] = (counts[node] ?? 0) + 1;
    return counts;
  }

  /** Nodes that have answered as a primary since then. */
  primariesSince(sinceMs: number): string[] {
    const seen = this.reads.filter((read) => read.sentMs >= sinceMs && !read.isStandby);
    return [...new Set(seen.map((read) => read.node))];
  }

  private async readThrough(node: CheckedNode): Promise<void> {
    let client: pg.Client | null = null;
    while (!this.isStopped) {
      try {
        client ??= await connectTo(node, this.credentials);
        const sentMs = systemClock.monotonicMs();
        const { rows } = await client.query<{ standby: boolean }>(
          `SELECT pg_is_in_recovery() AS standby, (SELECT n FROM ${this.table} LIMIT 1) AS n`,
        );
        this.reads.push({ node: node.name, isStandby: rows[0]?.standby === true, sentMs });
        await delay(pauseMs);
      } catch {
        await client?.end().catch(() => undefined);
        client = null;
        await delay(retryMs);
      }
    }
    await client?.end().catch(() => undefined);
  }
}
