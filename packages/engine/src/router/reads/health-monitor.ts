import pg from 'pg';
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
  /** Connections to it are open. */
  isUsed(node: string): boolean;
  /** It says nothing at all, not even that it cannot serve; again after each deadline, until it answers. */
  silent(node: string, isFirst: boolean): void;
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
  /** Deadlines in a row that passed without a word of it. */
  silences: number;
  silentAtMs: number;
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
/** One lost word is nothing yet. */
const silencesMax = 2;
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
      const seen = this.of(node.name);
      const isDue = !seen.isAsking && nowMs() - seen.askedAtMs >= everyMs;
      if (isDue && (node.isReadable || this.isLeft(node.name))) void this.ask(node, seen);
    }
  }

  /** Nobody new is sent there, and somebody may still wait for it to answer. */
  private isLeft(name: string): boolean {
    return name !== this.options.topology().primary && this.options.isUsed(name);
  }

  /** A connection to it failed or was lost. */
  failed(name: string): void {
    const seen = this.of(name);
    seen.health = afterFailure(seen.health, this.options.nowMs(), usualHealthRules);
  }

  readiness(name: string): number {
    const { health, silences } = this.of(name);
    return silences >= silencesMax ? 0 : readinessOf(health, this.options.nowMs(), usualHealthRules);
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
      ...{ silences: 0, silentAtMs: Number.NEGATIVE_INFINITY },
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
      seen.silences = 0;
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
      if (error instanceof pg.DatabaseError) seen.silences = 0;
      else this.heardNothing(node.name, seen);
    } finally {
      seen.isAsking = false;
    }
  }

  private heardNothing(name: string, seen: Seen): void {
    const { nowMs, silent } = this.options;
    // Refusals follow one another faster than anybody could have answered.
    if (seen.silences > 0 && nowMs() - seen.silentAtMs < deadlineMs) return;
    seen.silentAtMs = nowMs();
    seen.silences++;
    silent(name, seen.silences < silencesMax);
  }
}

const replaySql = 'SELECT pg_catalog.pg_last_wal_replay_lsn()::text AS replayed';
