import { parseLsn } from '../../postgres/lsn.ts';
import type { Cancel, Clock } from '../../shared/clock.ts';
import { messageOf } from '../../shared/errors.ts';
import type { Logger } from '../../shared/logger.ts';
import type { ControlConnections } from '../control/control-connections.ts';
import type { RouterNode, RouterTopology } from '../topology.ts';
import {
  afterFailure,
  afterSuccess,
  type Health,
  newHealth,
  readinessOf,
  usualHealthRules,
} from './health.ts';

export interface HealthMonitorOptions {
  control: ControlConnections;
  logger: Logger;
  nowMs(): number;
  topology(): RouterTopology;
}

interface Seen {
  health: Health;
  latencyMs: number | null;
  /** How far it has replayed, under which epoch that was asked, and over which connection. */
  replayed: bigint;
  epoch: number;
  session: number | null;
  isAsking: boolean;
  askedAtMs: number;
}

interface ReplayRow {
  replayed: string | null;
}

const deadlineMs = 1_000;
const idleEveryMs = 1_000;
/** While reads are being sent to them, what they have replayed is worth knowing at once. */
const busyEveryMs = 20;
const busyForMs = 5_000;
/** How often it looks who is due. */
const busyTickMs = 10;
const idleTickMs = 100;
const latencyWeight = 0.2;

/** Watches the servers that reads may go to: asks them, and hears of what fails by itself. */
export class HealthMonitor {
  private readonly options: HealthMonitorOptions;
  private readonly seen = new Map<string, Seen>();
  private wantedAtMs = Number.NEGATIVE_INFINITY;
  private stopWaiting: Cancel = () => undefined;
  private look: () => void = () => undefined;

  constructor(options: HealthMonitorOptions) {
    this.options = options;
  }

  /** @returns ends it */
  start(clock: Clock): Cancel {
    const look = () => {
      this.tick();
      this.stopWaiting = clock.after(this.isBusy() ? busyTickMs : idleTickMs, look);
    };
    this.look = () => {
      this.stopWaiting();
      look();
    };
    look();
    return () => {
      this.stopWaiting();
      this.look = () => undefined;
    };
  }

  /** Somebody chooses a server for a read. */
  wanted(): void {
    const wasBusy = this.isBusy();
    this.wantedAtMs = this.options.nowMs();
    if (!wasBusy) this.look();
  }

  private isBusy(): boolean {
    return this.options.nowMs() - this.wantedAtMs < busyForMs;
  }

  /** Asks who is due. */
  private tick(): void {
    const { topology, nowMs } = this.options;
    const everyMs = this.isBusy() ? busyEveryMs : idleEveryMs;
    for (const node of topology().nodes) {
      if (!node.isReadable) continue;
      const seen = this.of(node.name);
      if (!seen.isAsking && nowMs() - seen.askedAtMs >= everyMs) void this.ask(node, seen);
    }
  }

  /** A connection to it failed or was lost. */
  failed(name: string): void {
    const seen = this.of(name);
    seen.health = afterFailure(seen.health, this.options.nowMs(), usualHealthRules);
  }

  readiness(name: string): number {
    return readinessOf(this.of(name).health, this.options.nowMs(), usualHealthRules);
  }

  latencyMs(name: string): number | null {
    return this.of(name).latencyMs;
  }

  /** Whether it is known to have replayed at least that much of the present timeline, and has not been restarted since. */
  hasReplayed(name: string, position: bigint): boolean {
    const { topology, control } = this.options;
    const seen = this.of(name);
    const isKnown = seen.epoch === topology().epoch && seen.session === control.sessionOf(name);
    return isKnown && seen.replayed >= position;
  }

  private of(name: string): Seen {
    const known = this.seen.get(name);
    if (known) return known;
    const made = {
      ...{ health: newHealth, latencyMs: null, replayed: 0n, epoch: -1, session: null },
      ...{ isAsking: false, askedAtMs: Number.NEGATIVE_INFINITY },
    };
    this.seen.set(name, made);
    return made;
  }

  private async ask(node: RouterNode, seen: Seen): Promise<void> {
    const { control, nowMs, topology, logger } = this.options;
    seen.isAsking = true;
    seen.askedAtMs = nowMs();
    const { epoch } = topology();
    try {
      const [row] = await control.to(node).ask<ReplayRow>(replaySql, [], deadlineMs);
      const tookMs = nowMs() - seen.askedAtMs;
      seen.latencyMs =
        seen.latencyMs === null ? tookMs : seen.latencyMs + (tookMs - seen.latencyMs) * latencyWeight;
      seen.health = afterSuccess(seen.health, nowMs(), usualHealthRules);
      // Not from before the reign: the position may be of WAL that is not part of the history any more.
      if (row?.replayed && epoch === topology().epoch) {
        seen.replayed = parseLsn(row.replayed);
        seen.epoch = epoch;
        seen.session = control.sessionOf(node.name);
      }
    } catch (error) {
      // It may have crashed, and then begins again at an older position than the one it was last seen at.
      seen.epoch = -1;
      logger.debug({ node: node.name, error: messageOf(error) }, 'a server for reads does not answer');
      seen.health = afterFailure(seen.health, nowMs(), usualHealthRules);
    } finally {
      seen.isAsking = false;
    }
  }
}

const replaySql = 'SELECT pg_catalog.pg_last_wal_replay_lsn()::text AS replayed';
