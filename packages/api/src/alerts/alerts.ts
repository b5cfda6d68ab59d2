import { messageOf } from '@quantadb/engine/shared/errors';
import type { Logger } from '@quantadb/engine/shared/logger';
import type { ChannelStore } from './channel-store.ts';
import { Deliveries } from './deliveries.ts';
import { Evaluator } from './evaluator.ts';
import { Gatherer, type Sources } from './gather.ts';
import { InstanceLock } from './instance-lock.ts';

export interface AlertsOptions {
  databaseUrl: string;
  publicUrl: string;
  logger: Logger;
  everyMs: number;
  /** A look that takes longer hangs: another console is to judge then. */
  hangMs: number;
  sources: Sources;
  channels: ChannelStore;
  onChange(clusterIds: string[]): void;
}

/** Keeps the judging of alerts going as long as the console runs. */
export class Alerts {
  private readonly lock: InstanceLock;
  private readonly evaluator: Evaluator;
  private readonly deliveries: Deliveries;
  private readonly logger: Logger;
  private readonly timer: NodeJS.Timeout;
  private readonly hangMs: number;
  private isClosed = false;
  private isGivenUp = false;

  constructor(options: AlertsOptions) {
    const { databaseUrl, publicUrl, logger, everyMs, hangMs, sources, channels, onChange } = options;
    this.logger = logger;
    this.hangMs = hangMs;
    this.lock = new InstanceLock(databaseUrl, logger);
    this.evaluator = new Evaluator({
      ...{
        prisma: sources.prisma,
        questions: sources.questions,
        lock: this.lock,
        gatherer: new Gatherer(sources, logger),
      },
      ...{ logger, publicUrl, onChange, nowMs: () => Date.now() },
    });
    // Retries begin after one look.
    this.deliveries = new Deliveries({ prisma: sources.prisma, channels, logger, retryFirstMs: everyMs });
    this.timer = setInterval(() => void this.tick(), everyMs);
  }

  /** Since this console has last judged; null: another one does. */
  judgedAgeSeconds(nowMs: number): number | null {
    return this.lock.held || this.isGivenUp ? this.evaluator.sinceJudgedMs(nowMs) / 1000 : null;
  }

  /** Waits for the look under way: nothing is written after it. */
  async close(): Promise<void> {
    this.isClosed = true;
    clearInterval(this.timer);
    await this.evaluator.settled();
    await this.deliveries.close();
    await this.lock.close();
  }

  private async tick(): Promise<void> {
    if (this.isClosed) return;
    await this.giveUpWhenHanging();
    await this.evaluator.tick().catch((error: unknown) => {
      this.logger.warn({ error: messageOf(error) }, 'the alerts could not be judged');
    });
    this.isGivenUp = false;
    // Nobody waits for the other side of a channel.
    if (this.lock.held && !this.isClosed) void this.deliveries.send();
  }

  /** The lock goes, and with it the judging to whichever console takes it. */
  private async giveUpWhenHanging(): Promise<void> {
    const forMs = this.evaluator.lookingForMs(Date.now());
    if (this.isGivenUp || forMs <= this.hangMs) return;
    this.isGivenUp = true;
    this.logger.error({ forMs }, 'judging the alerts hangs; another console may take over');
    await this.lock.close();
  }
}
