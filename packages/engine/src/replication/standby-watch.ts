import type { NodeReport } from '../contract/node-report.ts';
import { compareLsn } from '../postgres/lsn.ts';

/**
 * Who keeps up with the primary, and for how long (pure: the times are given). Every so often the primary's position is
 * remembered for each standby; a standby that flushes it has kept up at the moment when it was remembered.
 */

type Standby = NodeReport['standbys'][number];

interface Watched {
  mark: { lsn: string; atMs: number };
  /** The newest moment at which it is known to have held everything. */
  keptUpAtMs: number;
  wellSinceMs: number | null;
  drops: number;
}

export interface Observed {
  atMs: number;
  epoch: number;
  lsn: string;
  /** Every standby there should be. */
  names: readonly string[];
  standbys: readonly Standby[];
}

/** A standby is well while what it holds is no older than this. */
const wellWithinMs = 3000;
/** Nothing was seen for longer than this: what is remembered would be held against standbys that did nothing wrong. */
const gapMs = 3000;
const probationMs = 1000;
const probationMaxMs = 300_000;
/** Well for so long, a standby's drops are forgotten. */
const forgiveAfterMs = 600_000;

export class StandbyWatch {
  private readonly watched = new Map<string, Watched>();
  private seen: { atMs: number; epoch: number } | null = null;

  observe(observed: Observed): void {
    const { atMs, epoch, lsn, names, standbys } = observed;
    const isFresh = this.seen?.epoch === epoch && atMs - this.seen.atMs <= gapMs;
    this.seen = { atMs, epoch };
    for (const name of this.watched.keys()) if (!names.includes(name)) this.watched.delete(name);
    for (const name of names) {
      const known = this.watched.get(name);
      const watched =
        known && isFresh
          ? known
          : { mark: { lsn, atMs }, keptUpAtMs: atMs, wellSinceMs: null, drops: known?.drops ?? 0 };
      this.watched.set(name, watched);
      const standby = standbys.find((candidate) => candidate.name === name);
      this.judge(watched, standby, { lsn, atMs });
    }
  }

  /** Has kept up long enough to be waited for; after each drop it takes twice as long. */
  mayEnter(name: string): boolean {
    const watched = this.watched.get(name);
    if (!watched || watched.wellSinceMs === null || !this.seen) return false;
    return this.seen.atMs - watched.wellSinceMs >= this.neededMs(name);
  }

  /** For how long it has to keep up before it may be waited for, in ms. */
  neededMs(name: string): number {
    return Math.min(probationMaxMs, probationMs * 2 ** (this.watched.get(name)?.drops ?? 0));
  }

  isWell(name: string): boolean {
    return this.watched.get(name)?.wellSinceMs != null;
  }

  /** For how long it has confirmed nothing new, in ms. */
  silentForMs(name: string): number {
    const watched = this.watched.get(name);
    return watched && this.seen ? this.seen.atMs - watched.keptUpAtMs : 0;
  }

  dropped(name: string): void {
    const watched = this.watched.get(name);
    if (!watched) return;
    watched.drops += 1;
    watched.wellSinceMs = null;
  }

  private judge(watched: Watched, standby: Standby | undefined, now: { lsn: string; atMs: number }): void {
    const flushed = standby?.flushLsn ?? null;
    const isStreaming = standby?.state === 'streaming';
    if (isStreaming && flushed !== null && compareLsn(flushed, watched.mark.lsn) >= 0) {
      watched.keptUpAtMs = watched.mark.atMs;
      watched.mark = now;
    }
    const isWell = isStreaming && now.atMs - watched.keptUpAtMs <= wellWithinMs;
    watched.wellSinceMs = isWell ? (watched.wellSinceMs ?? now.atMs) : null;
    const wellForMs = watched.wellSinceMs === null ? 0 : now.atMs - watched.wellSinceMs;
    if (wellForMs >= forgiveAfterMs) watched.drops = 0;
  }
}
