import { compareLsn, parseLsn } from '../postgres/lsn.ts';

interface Passage {
  lsn: bigint;
  atMs: number;
}

/**
 * How long ago the primary passed a position (pure). PostgreSQL's own figures do not answer that: `replay_lag` stands
 * still on a stopped standby, and the age of the last replayed transaction grows on an idle one.
 */
export class LagRing {
  private readonly passages: Passage[] = [];
  private readonly capacity: number;

  /** @param capacity number of samples kept; at one per second, an hour's worth by default */
  constructor(capacity = 3600) {
    this.capacity = capacity;
  }

  /** Notes where the primary writes now. Only positions that moved take up room. */
  record(lsn: string, atMs: number): void {
    const value = parseLsn(lsn);
    const last = this.passages.at(-1);
    // A smaller position means another reign: what was sampled of the old one measures nothing any more.
    if (last && value < last.lsn) this.passages.length = 0;
    else if (last && value === last.lsn) return;
    this.passages.push({ lsn: value, atMs });
    if (this.passages.length > this.capacity) this.passages.shift();
  }

  /**
   * Milliseconds since the primary passed `replayLsn`; 0 when the standby has everything, null when nothing is sampled.
   * A standby further behind than the ring reaches gets the ring's age: at least that much.
   */
  lagMs(replayLsn: string, now: { lsn: string; atMs: number }): number | null {
    if (compareLsn(replayLsn, now.lsn) >= 0) return 0;
    const value = parseLsn(replayLsn);
    const next = this.passages.find((passage) => passage.lsn > value);
    if (next) return Math.max(0, now.atMs - next.atMs);
    return this.passages.length === 0 ? null : 0;
  }
}
