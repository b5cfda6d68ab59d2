import type pg from 'pg';
import type { NodeFigures, NodeFiguresTold } from '../../contract/node-metrics.ts';
import type { NodeReport } from '../../contract/node-report.ts';
import { openPool, type SocketPlace } from '../../postgres/connection.ts';
import { systemClock } from '../../shared/clock.ts';
import { messageOf } from '../../shared/errors.ts';
import type { Logger } from '../../shared/logger.ts';
import { type HostLook, hostFigures, lookAtHost, withLook } from './host-figures.ts';
import { type FreeSpace, type Interval, ratePerSecond } from './rates.ts';
import { databaseBytes, lookAtServer, type ServerLook, serverFigures } from './server-figures.ts';

export interface FiguresKeeperOptions {
  /** Of this host's PostgreSQL; null: there is none. */
  place: SocketPlace | null;
  /** Whether PostgreSQL runs, so that one that is down is not asked. */
  isRunning(): boolean;
  /** On the volume that is watched. */
  directory: string;
  router(): NodeReport['router'];
  logger: Logger;
}

export const figuresEveryMs = 5_000;
const sizeEveryMs = 60_000;

interface Looks {
  atMs: number;
  host: HostLook;
  server: ServerLook | null;
  router: NodeReport['router'];
}

/** Looks at the machine and its PostgreSQL every few seconds; what it costs does not grow with what they do. */
export class FiguresKeeper {
  private readonly options: FiguresKeeperOptions;
  private timer: NodeJS.Timeout | undefined;
  private before: Looks | null = null;
  private free: FreeSpace[] = [];
  private size: { bytes: number } | null = null;
  private sizeDueMs = Number.NEGATIVE_INFINITY;
  private isLooking = false;
  /** Of its own: a slow answer keeps nobody else waiting. */
  private readonly pool: pg.Pool | null;
  private newest: NodeFiguresTold | null = null;

  constructor(options: FiguresKeeperOptions) {
    this.options = options;
    const { place, logger } = options;
    const onLost = (error: Error) =>
      logger.debug({ error: error.message }, 'the connection for figures was lost');
    this.pool = place && openPool(place, onLost);
  }

  start(): void {
    void this.look();
    this.timer = setInterval(() => void this.look(), figuresEveryMs);
  }

  /** Waits for nothing: a daemon that is replaced has to be gone before its lease. */
  stop(): void {
    clearInterval(this.timer);
    this.pool?.end().catch((error: unknown) => this.told(error, 'the connection for figures was not ended'));
  }

  private told(error: unknown, what: string): void {
    this.options.logger.debug({ error: messageOf(error) }, what);
  }

  /** The newest look; null before the first one. */
  figures(): NodeFiguresTold | null {
    return this.newest;
  }

  private async look(): Promise<void> {
    if (this.isLooking) return;
    this.isLooking = true;
    try {
      const now = await this.looks();
      const { before } = this;
      const interval = { fromMs: before?.atMs ?? now.atMs, toMs: now.atMs };
      this.free = withLook(this.free, now.host, now.atMs);
      const figures = {
        ...hostFigures(before?.host ?? null, now.host, this.free),
        ...(now.server ? serverFigures(before?.server ?? null, now.server, interval) : {}),
        ...(now.server && this.size ? { databaseBytes: this.size.bytes } : {}),
        ...routerFigures(before?.router ?? null, now.router, interval),
      };
      this.before = now;
      this.newest = { atMs: systemClock.wallMs(), figures: measured(figures) };
    } catch (error) {
      this.told(error, 'no figures of this host');
    } finally {
      this.isLooking = false;
    }
  }

  /** Of very many files it may take too long: then it is missing, and nothing else is. */
  private async lookAtSize(queryable: pg.Pool): Promise<void> {
    const nowMs = systemClock.monotonicMs();
    if (nowMs < this.sizeDueMs) return;
    this.sizeDueMs = nowMs + sizeEveryMs;
    try {
      this.size = { bytes: await databaseBytes(queryable) };
    } catch (error) {
      this.size = null;
      this.told(error, 'the size of the databases is not known');
    }
  }

  private async looks(): Promise<Looks> {
    const { directory, router } = this.options;
    const [host, server] = await Promise.all([lookAtHost(directory), this.server()]);
    // The moment of the counters: rates go by it, whatever else takes its time.
    const looks = { atMs: systemClock.monotonicMs(), host, server, router: router() };
    if (server && this.pool) void this.lookAtSize(this.pool);
    return looks;
  }

  /** The machine's figures count most while PostgreSQL does not answer. */
  private async server(): Promise<ServerLook | null> {
    const { isRunning } = this.options;
    const queryable = this.pool;
    if (!queryable || !isRunning()) return null;
    try {
      return await lookAtServer(queryable);
    } catch (error) {
      this.told(error, 'no figures of PostgreSQL');
      return null;
    }
  }
}

function routerFigures(
  before: NodeReport['router'],
  now: NodeReport['router'],
  interval: Interval,
): NodeFigures {
  if (!now) return {};
  const rate = (name: string) =>
    ratePerSecond(before?.counters[name] ?? null, now.counters[name] ?? null, interval);
  return {
    routerClients: now.clients,
    routerWaiting: now.waiting,
    routerStatementsPerSecond: rate('statements'),
    routerStandbyReadsPerSecond: rate('replicaReads'),
  };
}

/** Without what could not be measured. */
function measured(figures: NodeFigures): Record<string, number> {
  const known = Object.entries(figures).filter(
    (entry): entry is [string, number] => entry[1] !== undefined && Number.isFinite(entry[1]),
  );
  return Object.fromEntries(known);
}
