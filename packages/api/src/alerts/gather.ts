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

interface Asked {
  clusterId: string;
  /** Of what the cluster agrees on. */
  revision: number;
}

const figuresFreshMs = 30_000;
const backupsEveryMs = 60_000;
/** Sooner when the cluster has agreed on something since: a backup, a verification or a drill may have ended. */
const backupsAfterChangeMs = 10_000;
const backupsFreshMs = 10 * 60_000;
const backupsAtOnce = 4;
const failedWithinMs = 3_600_000;
const day = 24 * 3_600_000;
const rowsMax = 500;
/**
 * Of a certificate that was renewed the old one counts until the host has shown the new one: it may not have reached its disk.
 * Straight to PostgreSQL, and without their addresses: a thousand hosts would take longer to read than everything else.
 */
const hostsSql = `
  SELECT name, cluster_id AS "clusterId", cert_expires_at AS "certificateUntil",
         last_seen_at AS "lastSeenAt", clock_ahead_ms AS "clockAheadMs"
  FROM host WHERE revoked_at IS NULL`;

/** Brings together what is known. Backups are asked of the clusters now and then, and nobody waits for the answers. */
export class Gatherer {
  private readonly sources: Sources;
  private readonly logger: Logger;
  private readonly backups = new Map<string, { overview: BackupOverview | null; atMs: number }>();
  private readonly asked = new Map<string, { atMs: number; revision: number }>();
  /** Those that are to be asked, the one that was asked longest ago first. */
  private due: Asked[] = [];
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
      list.map(({ clusterId, status }) => ({ clusterId, revision: status.revision })),
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

  private askBackups(clusters: Asked[], nowMs: number): void {
    const living = new Set(clusters.map(({ clusterId }) => clusterId));
    for (const known of this.asked.keys())
      if (!living.has(known)) {
        this.asked.delete(known);
        this.backups.delete(known);
      }
    const askedMs = ({ clusterId }: Asked) => this.asked.get(clusterId)?.atMs ?? 0;
    this.due = clusters
      .filter((cluster) => isDue(cluster, this.asked.get(cluster.clusterId), nowMs))
      .sort((one, other) => askedMs(one) - askedMs(other));
    this.askNext();
  }

  /** A few at a time, one right after the other. */
  private askNext(): void {
    while (this.asking < backupsAtOnce) {
      const next = this.due.shift();
      if (!next) return;
      this.asked.set(next.clusterId, { atMs: Date.now(), revision: next.revision });
      this.asking += 1;
      void this.ask(next.clusterId).finally(() => {
        this.asking -= 1;
        this.askNext();
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

/** Whether a cluster is to be asked of its backups now (pure). */
export function isDue(
  { revision }: Pick<Asked, 'revision'>,
  last: { atMs: number; revision: number } | undefined,
  nowMs: number,
): boolean {
  if (!last) return true;
  const agoMs = nowMs - last.atMs;
  return agoMs >= backupsEveryMs || (revision !== last.revision && agoMs >= backupsAfterChangeMs);
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
