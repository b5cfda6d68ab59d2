import { performance } from 'node:perf_hooks';
import type { BackupOverview } from '@quantadb/engine/contract/backup-view';
import type { FailoverView } from '@quantadb/engine/contract/status';
import { messageOf } from '@quantadb/engine/shared/errors';
import type { Logger } from '@quantadb/engine/shared/logger';
import type { Pool } from 'pg';
import { withAnyHost } from '../clusters/any-host.ts';
import type { DroppedRows } from '../history/dropped-rows.ts';
import type { MetadataBackup } from '../metadata-backup.ts';
import { guessedAccounts } from '../people/sign-in-tries.ts';
import type { Services } from '../services.ts';
import type { Known, KnownCluster, KnownInstallation } from './known.ts';

export type Sources = Pick<Services, 'prisma' | 'registry' | 'figures' | 'links'> & {
  metadataBackup: Pick<MetadataBackup, 'standing'> | null;
  questions: Pool;
  dropped: Pick<DroppedRows, 'everywhere'>;
};

interface HostRow {
  name: string;
  clusterId: string | null;
  certificateUntil: Date;
  lastSeenAt: Date | null;
  clockAheadMs: number | null;
}

const figuresFreshMs = 30_000;
const backupsEveryMs = 60_000;
const backupsFreshMs = 10 * 60_000;
const backupsAtOnce = 4;
const failedWithinMs = 3_600_000;
const day = 24 * 3_600_000;
const rowsMax = 500;
/** Straight to PostgreSQL, and without their addresses: a thousand hosts would take longer to read than everything else. */
const hostsSql = `
  SELECT name, cluster_id AS "clusterId", greatest(cert_expires_at, next_expires_at) AS "certificateUntil",
         last_seen_at AS "lastSeenAt", clock_ahead_ms AS "clockAheadMs"
  FROM host WHERE revoked_at IS NULL`;

/** Brings together what is known. Backups are asked of the clusters now and then, and nobody waits for the answers. */
export class Gatherer {
  private readonly sources: Sources;
  private readonly logger: Logger;
  private readonly backups = new Map<string, { overview: BackupOverview | null; atMs: number }>();
  private readonly askedMs = new Map<string, number>();
  private asking = 0;

  constructor(sources: Sources, logger: Logger) {
    this.sources = sources;
    this.logger = logger;
  }

  async gather(nowMs: number): Promise<Known> {
    const [clusters, hosts, installation] = await Promise.all([
      this.clusters(nowMs),
      this.sources.questions.query<HostRow>(hostsSql),
      this.installation(nowMs),
    ]);
    return {
      ...{ nowMs, clusters, installation },
      hosts: hosts.rows.map(({ name, clusterId, certificateUntil, lastSeenAt, clockAheadMs }) => ({
        ...{ name, clusterId, clockAheadMs },
        certificateUntilMs: certificateUntil.getTime(),
        lastSeenMs: lastSeenAt?.getTime() ?? null,
      })),
    };
  }

  private async clusters(nowMs: number): Promise<KnownCluster[]> {
    const { prisma, registry, figures } = this.sources;
    const [list, looks, failovers, operations] = await Promise.all([
      registry.listUnderstood(),
      figures.latest(nowMs - figuresFreshMs),
      prisma.failover.findMany({
        where: { kind: 'failover', startedAt: { gt: new Date(nowMs - 7 * day) } },
        orderBy: { startedAt: 'desc' },
        take: rowsMax,
      }),
      prisma.operation.findMany({
        where: { endedAt: { gt: new Date(nowMs - 30 * day) }, state: { in: ['failed', 'done'] } },
        select: { id: true, clusterId: true, kind: true, state: true, error: true, endedAt: true },
        orderBy: { endedAt: 'desc' },
        take: rowsMax,
      }),
    ]);
    this.askBackups(
      list.map(({ clusterId }) => clusterId),
      nowMs,
    );
    const [looksOf, failoversOf, operationsOf] = [grouped(looks), grouped(failovers), grouped(operations)];
    return list.map(({ clusterId, name, status, reportedAtMs }) => ({
      ...{ clusterId, name, status, ageMs: nowMs - reportedAtMs },
      figures: new Map(looksOf(clusterId).map((look) => [look.node, look.figures])),
      backups: this.backupsOf(clusterId, nowMs),
      failovers: failoversOf(clusterId).map(({ id, view, newPrimary, startedAt }) => {
        const { reason, dataLoss } = view as unknown as FailoverView;
        const mayHaveLost = dataLoss?.possible ?? false;
        return { id, reason, newPrimary, mayHaveLost, startedAtMs: startedAt.getTime() };
      }),
      operations: operationsOf(clusterId).map(({ id, kind, state, error, endedAt }) => {
        return { id, kind, state, error, endedAtMs: endedAt?.getTime() ?? 0 };
      }),
    }));
  }

  private async installation(nowMs: number): Promise<KnownInstallation> {
    const { prisma, dropped } = this.sources;
    const beganMs = performance.now();
    await prisma.$queryRaw`SELECT 1`;
    const databaseMs = performance.now() - beganMs;
    const failed = await prisma.alertDelivery.findMany({
      where: {
        ...{ state: 'failed', kind: { not: 'test' }, endedAt: { gt: new Date(nowMs - failedWithinMs) } },
        // Otherwise the failure to tell of a failure would be told.
        alert: { rule: { not: 'channel-fails' } },
      },
      include: { channel: { select: { name: true } } },
      orderBy: { endedAt: 'desc' },
      take: rowsMax,
    });
    const failedChannels = [...new Set(failed.map(({ channel }) => channel.name))].map((channel) => {
      const rows = failed.filter((row) => row.channel.name === channel);
      return { channel, messages: rows.length, lastError: rows[0]?.error ?? '' };
    });
    const guessed = await guessedAccounts(prisma);
    const metadataBackup = this.sources.metadataBackup?.standing(nowMs) ?? null;
    const rowsDropped = dropped.everywhere(nowMs);
    return { databaseMs, rowsDropped, failedChannels, metadataBackup, guessedAccounts: guessed };
  }

  private backupsOf(clusterId: string, nowMs: number): BackupOverview | null {
    const known = this.backups.get(clusterId);
    return known && nowMs - known.atMs <= backupsFreshMs ? known.overview : null;
  }

  private askBackups(clusterIds: string[], nowMs: number): void {
    for (const known of this.askedMs.keys())
      if (!clusterIds.includes(known)) {
        this.askedMs.delete(known);
        this.backups.delete(known);
      }
    for (const clusterId of clusterIds) {
      if (this.asking >= backupsAtOnce) return;
      if (nowMs - (this.askedMs.get(clusterId) ?? 0) < backupsEveryMs) continue;
      this.askedMs.set(clusterId, nowMs);
      this.asking += 1;
      void this.ask(clusterId).finally(() => {
        this.asking -= 1;
      });
    }
  }

  private async ask(clusterId: string): Promise<void> {
    try {
      const { links } = this.sources;
      const overview = await withAnyHost(this.sources, clusterId, (host) => links.call(host, 'backups', {}));
      this.backups.set(clusterId, { overview, atMs: Date.now() });
    } catch (error) {
      this.logger.debug({ clusterId, error: messageOf(error) }, 'no host told of the backups');
    }
  }
}

/** Once for all clusters: there may be hundreds of them, and thousands of rows. */
function grouped<Row extends { clusterId: string }>(rows: readonly Row[]): (clusterId: string) => Row[] {
  const groups = new Map<string, Row[]>();
  for (const row of rows) {
    const group = groups.get(row.clusterId);
    if (group) group.push(row);
    else groups.set(row.clusterId, [row]);
  }
  return (clusterId) => groups.get(clusterId) ?? [];
}
