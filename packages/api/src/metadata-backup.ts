import { spawn } from 'node:child_process';
import { mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf, QuantaError } from '@quantadb/engine/shared/errors';
import type { Logger } from '@quantadb/engine/shared/logger';
import type { KnownInstallation } from './alerts/known.ts';

export interface MetadataBackupConfig {
  /** On another machine, or a disk of its own. */
  directory: string;
  everyHours: number;
  keep: number;
}

const hourMs = 3_600_000;
const lookEveryMs = 60_000;
const deadlineMs = hourMs;
const stderrBytesMax = 2000;
const unfinished = '.partial';
const namePattern = /^quantadb-metadata-(\d{4}-\d{2}-\d{2})T(\d{2})-(\d{2})-(\d{2})Z\.dump$/;
/** History of figures, and what lives for minutes: large, and not needed to go on. */
const withoutData = [
  ...['metric_sample*', 'node_figures*', 'statement_*', 'socket_io_attachments'],
  ...['idempotency_key', 'rate_limit', 'verification'],
];

/** Named so that they sort by age. */
export function nameAt(atMs: number): string {
  const [moment = ''] = new Date(atMs).toISOString().split('.');
  return `quantadb-metadata-${moment.replaceAll(':', '-')}Z.dump`;
}

/** When a file of the directory was made; null for what is none of ours (pure). */
export function madeAtMs(name: string): number | null {
  const parts = namePattern.exec(name);
  if (!parts) return null;
  const [, day, hour, minute, second] = parts;
  return Date.parse(`${day}T${hour}:${minute}:${second}Z`);
}

/** What goes after a new one is there: never the newest, and nothing that is not ours (pure). */
export function superfluous(names: readonly string[], keep: number): string[] {
  const ours = names.filter((name) => madeAtMs(name) !== null).toSorted();
  return ours.slice(0, Math.max(0, ours.length - keep));
}

/** What a console that was killed has not finished: no dump takes longer than its deadline, here or on another console (pure). */
export function leftBehind(names: readonly string[], nowMs: number): string[] {
  return names.filter((name) => {
    const beganMs = name.endsWith(unfinished) ? madeAtMs(name.slice(0, -unfinished.length)) : null;
    return beganMs !== null && nowMs - beganMs > 2 * deadlineMs;
  });
}

/** How a connection string is told to a program without its password being seen among the processes (pure). */
export function environmentOf(databaseUrl: string): Record<string, string> {
  const url = new URL(databaseUrl);
  const told = {
    PGHOST: url.searchParams.get('host') ?? url.hostname.replace(/^\[|\]$/g, ''),
    PGPORT: url.port,
    PGUSER: decodeURIComponent(url.username),
    PGPASSWORD: decodeURIComponent(url.password),
    PGDATABASE: decodeURIComponent(url.pathname.slice(1)),
    PGSSLMODE: url.searchParams.get('sslmode') ?? '',
    PGSSLROOTCERT: url.searchParams.get('sslrootcert') ?? '',
  };
  return Object.fromEntries(Object.entries(told).filter(([, value]) => value !== ''));
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
    await this.make(join(directory, name));
    this.lastMs = madeAtMs(name);
    const names = await readdir(directory);
    const dropped = [...superfluous(names, keep), ...leftBehind(names, nowMs)];
    for (const each of dropped) await rm(join(directory, each), { force: true });
    this.logger.info({ name, directory, dropped }, 'the metadata is backed up');
  }

  /** Under its name only when all of it is on the disk. */
  private async make(path: string): Promise<void> {
    const partial = `${path}${unfinished}`;
    // It exists before anything is written, so that nobody else may ever read it.
    const file = await open(partial, 'w', 0o600);
    try {
      await this.dump(partial);
      await file.sync();
      await rename(partial, path);
    } catch (error) {
      await rm(partial, { force: true });
      throw error;
    } finally {
      await file.close();
    }
  }

  private dump(path: string): Promise<void> {
    const options = ['--format=custom', '--no-owner', '--no-password', `--file=${path}`];
    const left = withoutData.map((table) => `--exclude-table-data=${table}`);
    const signal = AbortSignal.any([this.ended.signal, AbortSignal.timeout(deadlineMs)]);
    // Nothing else of the console's environment: its secrets are none of the program's business.
    const { PATH, NODE_ENV } = process.env;
    const child = spawn('pg_dump', [...options, ...left], {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { PATH, NODE_ENV, ...environmentOf(this.databaseUrl) },
      signal,
    });
    let said = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      said = (said + text).slice(-stderrBytesMax);
    });
    return new Promise((resolve, reject) => {
      child.once('error', (cause) =>
        reject(
          new QuantaError('BACKUP_FAILED', `pg_dump: ${cause.message}`, {
            cause,
            hint: 'Install the client programs of PostgreSQL, at least as new as the metadata server.',
          }),
        ),
      );
      child.once('close', (code) => {
        if (code === 0) resolve();
        else reject(new QuantaError('BACKUP_FAILED', `pg_dump ended with ${code}: ${said.trim()}`));
      });
    });
  }
}
