import type { NodeReport } from '../contract/node-report.ts';
import { lsnDistanceBytes } from '../postgres/lsn.ts';
import { sizeWords } from '../shared/words.ts';

/** When a cascading standby streams from its upstream, and when from the primary (pure: the times are given). */

export interface Trouble {
  why: string;
  /** How long it is put up with. */
  patienceMs: number;
}

interface Seen {
  epoch: number;
  timeline: number;
  upstream: NodeReport | null;
  primary: NodeReport | null;
  /** Null while the node streams from the primary. */
  own: { isStreaming: boolean } | null;
}

const illMs = 5000;
/** A daemon is replaced in less, and its PostgreSQL goes on feeding meanwhile. */
const silentMs = 30_000;
/** Behind the primary by so much, an upstream keeps its standby back; by half, it is near enough to begin with. */
const lagBytesMax = 256 * 1024 * 1024;
const wellMs = 5000;
const wellMsMax = 300_000;
/** Streaming from its upstream for so long, a node's earlier falls are forgotten. */
const forgiveAfterMs = 600_000;

/** What speaks against streaming from the upstream; null: nothing. */
export function troubleWith({ epoch, timeline, upstream, primary, own }: Seen): Trouble | null {
  if (own && !own.isStreaming) return { why: 'PostgreSQL does not stream from it', patienceMs: illMs };
  if (!upstream) return { why: 'its daemon does not answer', patienceMs: own ? silentMs : illMs };
  if (upstream.role !== 'standby' || upstream.state !== 'streaming')
    return { why: `it is ${upstream.state} itself`, patienceMs: illMs };
  if (upstream.epoch !== epoch || upstream.timeline !== timeline)
    return { why: `it is not on timeline ${timeline}`, patienceMs: illMs };
  const lagBytes =
    primary?.lsn && upstream.lsn ? Math.max(0, lsnDistanceBytes(primary.lsn, upstream.lsn)) : 0;
  if (lagBytes <= (own ? lagBytesMax : lagBytesMax / 2)) return null;
  return { why: `it is ${sizeWords(lagBytes)} behind the primary`, patienceMs: illMs };
}

export class CascadeWatch {
  source: 'primary' | 'upstream';
  private troubled: { sinceMs: number } | null = null;
  private wellSinceMs: number | null = null;
  private sourceSinceMs: number;
  private falls = 0;

  /** @param source from whom PostgreSQL streams already */
  constructor(source: 'primary' | 'upstream', nowMs: number) {
    this.source = source;
    this.sourceSinceMs = nowMs;
  }

  /** After each fall it takes twice as long until the upstream is trusted again. @returns whether the source has changed */
  observe(trouble: Trouble | null, nowMs: number): boolean {
    if (trouble === null) {
      this.troubled = null;
      this.wellSinceMs ??= nowMs;
    } else {
      this.troubled ??= { sinceMs: nowMs };
      this.wellSinceMs = null;
    }
    if (this.source === 'primary') {
      const neededMs = Math.min(wellMsMax, wellMs * 2 ** this.falls);
      if (this.wellSinceMs === null || nowMs - this.wellSinceMs < neededMs) return false;
      return this.move('upstream', nowMs);
    }
    if (nowMs - this.sourceSinceMs >= forgiveAfterMs) this.falls = 0;
    if (!trouble || !this.troubled || nowMs - this.troubled.sinceMs < trouble.patienceMs) return false;
    this.falls += 1;
    return this.move('primary', nowMs);
  }

  private move(source: 'primary' | 'upstream', nowMs: number): true {
    this.source = source;
    this.sourceSinceMs = nowMs;
    this.troubled = null;
    this.wellSinceMs = null;
    return true;
  }
}
