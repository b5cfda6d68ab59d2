import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf } from '@quantadb/engine/shared/errors';
import type { Logger } from '@quantadb/engine/shared/logger';
import type { KnownInstallation } from './alerts/known.ts';
import { copyDeadlineMs, madeAtMs, makeCopy, nameAt, unfinished } from './metadata-copy.ts';

export interface MetadataBackupConfig {
  /** On another machine, or a disk of its own. */
  directory: string;
  everyHours: number;
  keep: number;
}

const hourMs = 3_600_000;
const lookEveryMs = 60_000;

/** What goes after a new one is there: never the newest, and nothing that is not ours (pure). */
export function superfluous(names: readonly string[], keep: number): string[] {
  const ours = names.filter((name) => madeAtMs(name) !== null).toSorted();
  return ours.slice(0, Math.max(0, ours.length - keep));
}

/** What a console that was killed has not finished: no dump takes longer than its deadline, here or on another console (pure). */
export function leftBehind(names: readonly string[], nowMs: number): string[] {
  return names.filter((name) => {
    const beganMs = name.endsWith(unfinished) ? madeAtMs(name.slice(0, -unfinished.length)) : null;
    return beganMs !== null && nowMs - beganMs > 2 * copyDeadlineMs;
  });
}

/**
 * Copies of the metadata in a directory: people, roles, hosts, the certificate authority (encrypted, as it is stored), audit and alerts. Every
 * console that is told a directory makes its own.
 */
export class MetadataBackup {
  private readonly config: MetadataBackupConfig;
  private readonly databaseUrl: string;
  private readonly logger: Logger;
  private readonly timer: NodeJS.Timeout;
  private readonly ended = new AbortController();
  private running: Promise<void> | null = null;
  private lastMs: number | null = null;
  private readonly startedMs = Date.now();
  private problem: string | null = null;

  constructor(
    config: MetadataBackupConfig,
    { databaseUrl, logger }: { databaseUrl: string; logger: Logger },
  ) {
    this.config = config;
    this.databaseUrl = databaseUrl;
    this.logger = logger;
    this.timer = setInterval(() => this.look(), lookEveryMs);
    this.look();
  }

  /** Of the newest one; null while there is none. */
  ageSeconds(nowMs: number): number | null {
    return this.lastMs === null ? null : (nowMs - this.lastMs) / 1000;
  }

  /** For the rule that tells of one that is late. */
  standing(nowMs: number): KnownInstallation['metadataBackup'] {
    const { lastMs, problem } = this;
    const { everyHours } = this.config;
    const dueMs = lastMs === null ? this.startedMs : lastMs + everyHours * hourMs;
    const ageMs = lastMs === null ? null : nowMs - lastMs;
    return { everyHours, ageMs, problem, overdueMs: Math.max(0, nowMs - dueMs) };
  }

  async close(): Promise<void> {
    clearInterval(this.timer);
    this.ended.abort();
    await this.running;
  }

  private look(): void {
    this.running ??= this.makeWhenDue()
      .then(() => {
        this.problem = null;
      })
      .catch((error: unknown) => {
        if (this.ended.signal.aborted) return;
        const { directory } = this.config;
        this.problem = messageOf(error);
        this.logger.error({ directory, error: messageOf(error) }, 'the metadata could not be backed up');
      })
      .finally(() => {
        this.running = null;
      });
  }

  private async makeWhenDue(): Promise<void> {
    const { directory, everyHours, keep } = this.config;
    await mkdir(directory, { recursive: true, mode: 0o700 });
    const moments = (await readdir(directory)).flatMap((name) => madeAtMs(name) ?? []);
    this.lastMs = moments.length === 0 ? null : Math.max(...moments);
    const nowMs = Date.now();
    if (this.lastMs !== null && nowMs < this.lastMs + everyHours * hourMs) return;
    const name = nameAt(nowMs);
    const signal = AbortSignal.any([this.ended.signal, AbortSignal.timeout(copyDeadlineMs)]);
    await makeCopy(this.databaseUrl, join(directory, name), signal);
    this.lastMs = madeAtMs(name);
    const names = await readdir(directory);
    const dropped = [...superfluous(names, keep), ...leftBehind(names, nowMs)];
    for (const each of dropped) await rm(join(directory, each), { force: true });
    this.logger.info({ name, directory, dropped }, 'the metadata is backed up');
  }
}
