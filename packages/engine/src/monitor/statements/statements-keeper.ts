import type { StatementSpent, StatementsTold } from '../../contract/statements.ts';
import { type SocketPlace, withFreshConnection } from '../../postgres/connection.ts';
import { systemClock } from '../../shared/clock.ts';
import { messageOf, QuantaError } from '../../shared/errors.ts';
import type { Logger } from '../../shared/logger.ts';
import { nothing, type Spent, type StatementLook, spentBetween, tellableText } from './deltas.ts';
import { lookAtStatements, textsOf } from './statement-look.ts';

export interface StatementsKeeperOptions {
  /** Of this host's PostgreSQL; null: there is none. */
  place: SocketPlace | null;
  isRunning(): boolean;
  logger: Logger;
}

const everyMs = 60_000;
/** A daemon that begins has a lease to keep first. */
const firstAfterMs = 10_000;
const lookDeadlineMs = 10_000;
const textsMax = 2000;

/** Looks once a minute at what PostgreSQL has spent its time on; the first look of a daemon is what the second is compared with. */
export class StatementsKeeper {
  private readonly options: StatementsKeeperOptions;
  private timer: NodeJS.Timeout | undefined;
  private before: StatementLook | null = null;
  private newest: StatementsTold | null = null;
  /** Null: it has a secret in it. */
  private readonly texts = new Map<string, string | null>();
  private isLooking = false;

  constructor(options: StatementsKeeperOptions) {
    this.options = options;
  }

  start(): void {
    if (!this.options.place) return;
    this.timer = setTimeout(() => {
      void this.look();
      this.timer = setInterval(() => void this.look(), everyMs);
    }, firstAfterMs);
  }

  stop(): void {
    clearTimeout(this.timer);
  }

  /** The newest look; null before there were two. */
  told(): StatementsTold | null {
    return this.newest;
  }

  /** Once; `start` does it every minute. */
  async look(): Promise<void> {
    const { place, isRunning, logger } = this.options;
    if (!place || this.isLooking || !isRunning()) return;
    this.isLooking = true;
    try {
      const options = { what: 'looking at statements', timeoutMs: lookDeadlineMs };
      const told = await withFreshConnection(place, options, (client) => this.compare(client));
      if (told) this.newest = { atMs: systemClock.wallMs(), ...told, problem: null };
    } catch (error) {
      logger.debug({ error: messageOf(error) }, 'no statements were counted');
      if (error instanceof QuantaError && error.code === 'REFUSED') this.tellProblem(error.message);
    } finally {
      this.isLooking = false;
    }
  }

  private tellProblem(problem: string): void {
    this.before = null;
    this.newest = { atMs: systemClock.wallMs(), top: [], rest: nothing, problem };
  }

  private async compare(
    client: Parameters<typeof lookAtStatements>[0],
  ): Promise<Pick<StatementsTold, 'top' | 'rest'> | null> {
    const now = await lookAtStatements(client);
    const { before } = this;
    this.before = now;
    if (!before) return null;
    const spent = spentBetween(before, now);
    return { top: await this.withTexts(client, spent), rest: spent.rest };
  }

  private async withTexts(
    client: Parameters<typeof lookAtStatements>[0],
    { top }: Spent,
  ): Promise<StatementSpent[]> {
    const unknown = [...new Set(top.map(({ queryId }) => queryId))].filter((id) => !this.texts.has(id));
    if (this.texts.size + unknown.length > textsMax) this.texts.clear();
    if (unknown.length > 0)
      for (const [id, text] of await textsOf(client, unknown)) this.texts.set(id, tellableText(text));
    return top.map(({ key: _key, ...statement }) => ({
      ...statement,
      text: this.texts.get(statement.queryId) ?? null,
    }));
  }
}
