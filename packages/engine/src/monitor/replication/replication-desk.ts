import type { ReplicationAnswer } from '../../contract/replication-view.ts';
import { type SocketPlace, withFreshConnection } from '../../postgres/connection.ts';
import { systemClock } from '../../shared/clock.ts';
import { QuantaError } from '../../shared/errors.ts';
import { lookAtReplication } from './replication-look.ts';

export interface ReplicationDeskOptions {
  /** Of this host's PostgreSQL; null: there is none. */
  place: SocketPlace | null;
  isRunning(): boolean;
}

const lookDeadlineMs = 4_000;
const freshForMs = 900;

/** Answers for what this host's PostgreSQL sends, receives and keeps of WAL. */
export class ReplicationDesk {
  private readonly options: ReplicationDeskOptions;
  private known: { atMs: number; answer: Promise<ReplicationAnswer> } | null = null;

  constructor(options: ReplicationDeskOptions) {
    this.options = options;
  }

  /**
   * However many look at the page, PostgreSQL is asked about once a second.
   *
   * @throws QuantaError REFUSED without a running PostgreSQL, DEADLINE_EXCEEDED, or whatever the query threw
   */
  look(): Promise<ReplicationAnswer> {
    const nowMs = systemClock.monotonicMs();
    if (this.known && nowMs - this.known.atMs < freshForMs) return this.known.answer;
    const answer = this.ask();
    this.known = { atMs: nowMs, answer };
    // What failed is asked again by whoever comes next.
    answer.catch(() => {
      if (this.known?.answer === answer) this.known = null;
    });
    return answer;
  }

  private async ask(): Promise<ReplicationAnswer> {
    const { place, isRunning } = this.options;
    if (!place) throw new QuantaError('REFUSED', 'this host has no PostgreSQL');
    if (!isRunning()) throw new QuantaError('REFUSED', 'its PostgreSQL is not running');
    const options = { what: 'looking at replication', timeoutMs: lookDeadlineMs };
    return withFreshConnection(place, options, lookAtReplication);
  }
}
