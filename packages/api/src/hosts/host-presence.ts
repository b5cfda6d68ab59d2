import type { NodeReport } from '@quantadb/engine/contract/node-report';
import { messageOf } from '@quantadb/engine/shared/errors';
import type { Logger } from '@quantadb/engine/shared/logger';
import type { Pool } from 'pg';
import { z } from 'zod';

const idSchema = z.uuid();
const seenEveryMs = 10_000;
const storeEveryMs = 500;

interface Seen {
  host: string;
  clusterId: string | null;
  seenAtMs: number;
  clockAheadMs: number;
}

/** A cluster whose row has not come yet is none; the host says so again with its next report. */
const storeSql = `
  UPDATE host h SET last_seen_at = t.seen_at, clock_ahead_ms = t.clock_ahead_ms, cluster_id = c.id
  FROM unnest($1::text[], $2::uuid[], $3::timestamptz[], $4::float8[]) AS t (name, cluster_id, seen_at, clock_ahead_ms)
  LEFT JOIN cluster c ON c.id = t.cluster_id
  WHERE h.name = t.name AND h.revoked_at IS NULL
  RETURNING h.name AS host, h.cluster_id AS "clusterId"`;

/** That a host is there, how its clock goes and which cluster it belongs to: of each every ten seconds, of all in one statement. */
export class HostPresence {
  private readonly pool: Pool;
  private readonly logger: Logger;
  private readonly timer: NodeJS.Timeout;
  /** What was stored last; of a host that came to another cluster it is stored at once. */
  private readonly stored = new Map<string, { clusterId: string | null; atMs: number }>();
  private readonly waiting = new Map<string, Seen>();
  private storing: Promise<void> | null = null;

  constructor(pool: Pool, logger: Logger) {
    this.pool = pool;
    this.logger = logger;
    this.timer = setInterval(() => void this.store(), storeEveryMs);
  }

  note(host: string, { cluster, atMs }: NodeReport, nowMs: number): void {
    // What is no id would keep the others of the same statement from being stored.
    const clusterId = idSchema.safeParse(cluster?.id.toLowerCase()).data ?? null;
    const last = this.stored.get(host);
    if (last?.clusterId === clusterId && nowMs - last.atMs < seenEveryMs) return;
    this.waiting.set(host, { host, clusterId, seenAtMs: nowMs, clockAheadMs: atMs - nowMs });
  }

  /** @returns when everything noted until now is stored, or could not be */
  async settled(): Promise<void> {
    await this.storing;
    await this.store();
  }

  async close(): Promise<void> {
    clearInterval(this.timer);
    await this.settled();
  }

  private async store(): Promise<void> {
    this.storing ??= this.write().finally(() => {
      this.storing = null;
    });
    await this.storing;
  }

  private async write(): Promise<void> {
    const rows = [...this.waiting.values()].sort((left, right) => (left.host < right.host ? -1 : 1));
    if (rows.length === 0) return;
    this.waiting.clear();
    const values = [
      rows.map(({ host }) => host),
      rows.map(({ clusterId }) => clusterId),
      rows.map(({ seenAtMs }) => new Date(seenAtMs).toISOString()),
      rows.map(({ clockAheadMs }) => clockAheadMs),
    ];
    try {
      const { rows: told } = await this.pool.query<{ host: string; clusterId: string | null }>(
        storeSql,
        values,
      );
      const clusters = new Map(told.map(({ host, clusterId }) => [host, clusterId]));
      for (const { host, clusterId, seenAtMs } of rows) {
        if (clusters.get(host) === clusterId) this.stored.set(host, { clusterId, atMs: seenAtMs });
      }
    } catch (error) {
      this.logger.warn(
        { error: messageOf(error), hosts: rows.length },
        'it was not stored which hosts are there',
      );
    }
  }
}
