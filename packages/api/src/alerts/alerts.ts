import { messageOf } from '@quantadb/engine/shared/errors';
import type { Logger } from '@quantadb/engine/shared/logger';
import type { Services } from '../services.ts';
import type { ChannelStore } from './channel-store.ts';
import { Deliveries } from './deliveries.ts';
import { Evaluator } from './evaluator.ts';
import { Gatherer } from './gather.ts';
import { InstanceLock } from './instance-lock.ts';

export interface AlertsOptions {
  databaseUrl: string;
  publicUrl: string;
  logger: Logger;
  everyMs: number;
  sources: Pick<Services, 'prisma' | 'registry' | 'figures' | 'samples' | 'links'>;
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
  private isClosed = false;

  constructor(options: AlertsOptions) {
    const { databaseUrl, publicUrl, logger, everyMs, sources, channels, onChange } = options;
    this.logger = logger;
    this.lock = new InstanceLock(databaseUrl, logger);
    this.evaluator = new Evaluator({
      ...{ prisma: sources.prisma, lock: this.lock, gatherer: new Gatherer(sources, logger) },
      ...{ logger, publicUrl, onChange, nowMs: () => Date.now() },
    });
    // Retries begin after one look.
    this.deliveries = new Deliveries({ prisma: sources.prisma, channels, logger, retryFirstMs: everyMs });
    this.timer = setInterval(() => void this.tick(), everyMs);
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
    await this.evaluator.tick().catch((error: unknown) => {
      this.logger.warn({ error: messageOf(error) }, 'the alerts could not be judged');
    });
    // Nobody waits for the other side of a channel.
    if (this.lock.held && !this.isClosed) void this.deliveries.send();
  }
}
