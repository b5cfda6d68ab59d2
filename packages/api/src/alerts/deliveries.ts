import { messageOf } from '@quantadb/engine/shared/errors';
import type { Logger } from '@quantadb/engine/shared/logger';
import type { PrismaClient } from '@quantadb/prisma/client';
import type { ChannelStore } from './channel-store.ts';
import type { Message } from './message.ts';
import { send } from './send.ts';

export interface DeliveriesOptions {
  prisma: PrismaClient;
  channels: ChannelStore;
  logger: Logger;
  retryFirstMs: number;
}

const atOnce = 10;
export const attemptsMax = 10;
const retryMsMax = 10 * 60_000;
const errorMax = 500;

/** When it is tried again after so many attempts (pure); null: it is given up. */
export function retryAfterMs(attempts: number, firstMs: number): number | null {
  return attempts >= attemptsMax ? null : Math.min(retryMsMax, firstMs * 2 ** (attempts - 1));
}

/** Sends what waits, and tries again what did not arrive. At least once: a console may die between sending and writing it down. */
export class Deliveries {
  private readonly options: DeliveriesOptions;
  private readonly ending = new AbortController();
  private running: Promise<void> | null = null;

  constructor(options: DeliveriesOptions) {
    this.options = options;
  }

  /** What is due now; a second call meanwhile is the first one's. */
  send(): Promise<void> {
    this.running ??= this.sendDue()
      .catch((error: unknown) => {
        this.options.logger.warn({ error: messageOf(error) }, 'messages about alerts could not be sent');
      })
      .finally(() => {
        this.running = null;
      });
    return this.running;
  }

  async close(): Promise<void> {
    this.ending.abort();
    await this.running;
  }

  private async sendDue(): Promise<void> {
    const due = await this.options.prisma.alertDelivery.findMany({
      where: { state: 'waiting', nextAt: { lte: new Date() } },
      orderBy: { nextAt: 'asc' },
      take: atOnce,
    });
    await Promise.all(due.map((delivery) => this.attempt(delivery)));
  }

  private async attempt(delivery: {
    id: string;
    channelId: string;
    attempts: number;
    message: unknown;
  }): Promise<void> {
    const { prisma, channels, logger, retryFirstMs } = this.options;
    const { id, channelId, message } = delivery;
    const attempts = delivery.attempts + 1;
    const where = { id };
    try {
      const { config } = await channels.open(channelId);
      const { signal } = this.ending;
      await send(config, { deliveryId: id, message: message as Message, signal });
      await prisma.alertDelivery.update({
        where,
        data: { state: 'sent', attempts, endedAt: new Date(), error: null },
      });
    } catch (error) {
      if (this.ending.signal.aborted) return;
      const waitMs = retryAfterMs(attempts, retryFirstMs);
      const end =
        waitMs === null
          ? { state: 'failed', endedAt: new Date() }
          : { nextAt: new Date(Date.now() + waitMs) };
      const words = messageOf(error).slice(0, errorMax);
      // A channel that was removed meanwhile has taken its messages with it.
      await prisma.alertDelivery.updateMany({ where, data: { attempts, error: words, ...end } });
      logger.warn({ channel: channelId, attempts, error: words }, 'a message about an alert did not arrive');
    }
  }
}
