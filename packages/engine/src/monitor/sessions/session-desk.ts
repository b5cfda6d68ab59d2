import type { EndSession, SessionOutcome, SessionsAnswer } from '../../contract/sessions.ts';
import { type SocketPlace, withFreshConnection } from '../../postgres/connection.ts';
import { systemClock } from '../../shared/clock.ts';
import { QuantaError } from '../../shared/errors.ts';
import { endSession } from './end-session.ts';
import { listSessions } from './session-list.ts';

export interface SessionDeskOptions {
  /** Of this host's PostgreSQL; null: there is none. */
  place: SocketPlace | null;
  isRunning(): boolean;
}

const listDeadlineMs = 4_000;
const endDeadlineMs = 6_000;
const freshForMs = 900;

/** Answers for the sessions of this host's PostgreSQL, over a connection that is there also when clients have taken all others. */
export class SessionDesk {
  private readonly options: SessionDeskOptions;
  private known: { atMs: number; answer: Promise<SessionsAnswer> } | null = null;

  constructor(options: SessionDeskOptions) {
    this.options = options;
  }

  /**
   * However many look at the page, PostgreSQL is asked about once a second.
   *
   * @throws QuantaError REFUSED without a running PostgreSQL, DEADLINE_EXCEEDED, or whatever the query threw
   */
  list(): Promise<SessionsAnswer> {
    const nowMs = systemClock.monotonicMs();
    if (this.known && nowMs - this.known.atMs < freshForMs) return this.known.answer;
    const options = { what: 'looking at the sessions', timeoutMs: listDeadlineMs };
    const answer = withFreshConnection(this.place(), options, listSessions);
    this.known = { atMs: nowMs, answer };
    // What failed is asked again by whoever comes next.
    answer.catch(() => {
      if (this.known?.answer === answer) this.known = null;
    });
    return answer;
  }

  /** @throws QuantaError REFUSED with the reason */
  async end(request: EndSession): Promise<{ outcome: SessionOutcome }> {
    const options = { what: 'ending a session', timeoutMs: endDeadlineMs };
    const outcome = await withFreshConnection(this.place(), options, (client) => endSession(client, request));
    this.known = null;
    return { outcome };
  }

  private place(): SocketPlace {
    const { place, isRunning } = this.options;
    if (!place) throw new QuantaError('REFUSED', 'this host has no PostgreSQL');
    if (isRunning()) return place;
    throw new QuantaError('REFUSED', 'PostgreSQL does not run on this host now');
  }
}
