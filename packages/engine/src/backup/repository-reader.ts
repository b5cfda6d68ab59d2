import type { BackupConfig, GuestRestore } from '../contract/backup.ts';
import type { RepositoryView } from '../contract/backup-view.ts';
import { parseHistory } from '../postgres/history-files.ts';
import { buildCatalogue, type Catalogue, type RestorableInterval } from './catalogue.ts';
import { damageOf, noDamage } from './damage.ts';
import type { ArchiveListing, BackupEngine, Inventory, Verification } from './engine.ts';
import { planRetention, type RetentionPlan, walKeptSince } from './retention.ts';
import { reasonWords } from './retention-words.ts';
import type { HistoryLine } from './wal-lines.ts';
import type { WalMoments } from './wal-moments.ts';

export interface RepositoryReading {
  inventory: Inventory;
  catalogue: Catalogue;
  retention: RetentionPlan;
  /** Backups that a verification alone says cannot be restored. */
  damaged: ReadonlySet<string>;
  /** Timelines whose history is archived. */
  histories: number[];
  /** When each segment came. */
  archivedAt: ReadonlyMap<string, number>;
  /** What each segment held then (SHA-1). */
  contents: ReadonlyMap<string, string>;
}

export interface ReadingContext {
  config: Pick<BackupConfig, 'retention'>;
  currentTimeline: number | null;
  /** Its history by the cluster's own log. */
  agreed?: readonly HistoryLine[];
  walKeptFrom: string | null;
  segmentBytes: number;
  nowMs: number;
  /** What the last verification found; null: there was none, or only what is there counts. */
  verified: Verification | null;
  /** Restores from it into new clusters. */
  guests?: readonly GuestRestore[];
}

/** Reads the repository anew and works out what it is worth. */
export class RepositoryReader {
  private readonly engine: BackupEngine;
  private readonly moments: WalMoments | null;
  /** A history never changes: trap or not, the one that was archived first is the cluster's. */
  private readonly histories = new Map<string, HistoryLine[]>();

  /** @param moments null on a host that has no data of its own */
  constructor(engine: BackupEngine, moments: WalMoments | null) {
    this.engine = engine;
    this.moments = moments;
  }

  async read(context: ReadingContext, signal?: AbortSignal): Promise<RepositoryReading> {
    // In this order: the WAL of a backup that the inventory names is in the archive by then, and must not look as if it was missing.
    const inventory = await this.engine.inventory(signal);
    const isThere = inventory.state === 'ok' || inventory.state === 'empty';
    const listing: ArchiveListing = isThere
      ? await this.engine.archive(signal)
      : { archiveId: null, segments: [], histories: [], duplicates: [] };
    const histories = await this.historiesOf(listing, signal);
    const archivedAt = new Map(listing.segments.map(({ name, archivedAtMs }) => [name, archivedAtMs]));
    const contents = new Map(
      listing.segments.flatMap(({ name, sha1 }) => (sha1 ? [[name, sha1] as const] : [])),
    );
    const newestSystem = inventory.systems.at(-1)?.id;
    const damage = damageOf(context.verified, inventory.backups);
    const input = {
      listing,
      histories,
      // Backups of the database system before a major upgrade have WAL of their own, under another archive.
      backups: inventory.backups.filter((backup) => backup.databaseId === newestSystem),
      segmentBytes: context.segmentBytes,
      currentTimeline: context.currentTimeline,
      ...(context.agreed ? { agreed: context.agreed } : {}),
      walKeptFrom: walKeptSince(context.walKeptFrom, inventory.backups),
    };
    const catalogue = buildCatalogue({ ...input, damage });
    const unusable = catalogue.unusable.map(({ label }) => label);
    // Of a damaged file of its own, or of a damaged segment that was written meanwhile: without the finding it could be restored.
    const missing = damage === noDamage ? catalogue.unusable : buildCatalogue(input).unusable;
    const isMissing = new Set(missing.map(({ label }) => label));
    const damaged = new Set(unusable.filter((label) => !isMissing.has(label)));
    const retention = planRetention({
      backups: inventory.backups,
      retention: context.config.retention,
      unusable: new Set(unusable),
      damaged,
      guests: context.guests ?? [],
      nowMs: context.nowMs,
    });
    const found = { inventory, catalogue, retention, damaged };
    return { ...found, histories: [...histories.keys()], archivedAt, contents };
  }

  /** The reading in the words of the contract, with the moments that its intervals end at. */
  async view(context: ReadingContext, signal?: AbortSignal): Promise<RepositoryView> {
    const { inventory, catalogue, retention, damaged, archivedAt } = await this.read(context, signal);
    const intervals = [];
    for (const interval of catalogue.intervals)
      intervals.push(await this.withEnd(interval, archivedAt, signal));
    const own = intervals.findLast((interval) => !interval.isAbandoned);
    const unusable = new Map(catalogue.unusable.map(({ label, reason }) => [label, reason]));
    const kept = new Map(retention.keep.map((each) => [each.label, each]));
    return {
      atMs: context.nowMs,
      state: inventory.state,
      detail: inventory.detail,
      backups: inventory.backups.map((backup) => ({
        ...backup,
        unusable: unusable.get(backup.label) ?? null,
        ...(damaged.has(backup.label) ? { isDamaged: true } : {}),
        keptBecause: kept.get(backup.label)?.reasons.map(reasonWords) ?? [],
        goes: kept.get(backup.label)?.goes ?? null,
      })),
      intervals,
      gaps: catalogue.gaps.map(({ runs: _, ...gap }) => gap),
      timelines: catalogue.timelines,
      conflicts: catalogue.conflicts,
      missingHistory: catalogue.missingHistory,
      newest: catalogue.newest && { ...catalogue.newest, atMs: own?.toMs ?? null },
      expiring: retention.expire,
      lastVerification: context.verified,
    };
  }

  /**
   * A host without data cannot read WAL from the archive: there the time at which the last segment came stands in for that
   * of its last commit, which cannot be later. Repositories tell that time in whole seconds: the end of that second counts.
   */
  private async withEnd(
    { lastWal, ...interval }: RestorableInterval,
    archivedAt: ReadonlyMap<string, number>,
    signal?: AbortSignal,
  ): Promise<RepositoryView['intervals'][number]> {
    const arrivedMs = archivedAt.get(lastWal[0] ?? '');
    const cameByMs = arrivedMs === undefined ? null : arrivedMs + 999;
    const toMs = this.moments ? await this.moments.lastCommitMs(lastWal, signal) : cameByMs;
    // Without a commit after the backup its own end is the only moment there is.
    return { ...interval, toMs: toMs === null ? null : Math.max(toMs, interval.fromMs) };
  }

  private async historiesOf(
    listing: ArchiveListing,
    signal?: AbortSignal,
  ): Promise<Map<number, HistoryLine[]>> {
    const found = new Map<number, HistoryLine[]>();
    for (const { name } of listing.histories) {
      if (listing.archiveId === null) continue;
      const key = `${listing.archiveId}/${name}`;
      const lines =
        this.histories.get(key) ?? parseHistory(await this.engine.history(listing.archiveId, name, signal));
      this.histories.set(key, lines);
      found.set(Number.parseInt(name.slice(0, 8), 16), lines);
    }
    return found;
  }
}
