import { messageOf } from '@quantadb/engine/shared/errors';
import type { Logger } from '@quantadb/engine/shared/logger';
import type { PrismaClient } from '@quantadb/prisma/client';
import { storable } from '../storable.ts';
import type { ChannelStore } from './channel-store.ts';
import type { Message } from './message.ts';
import { send } from './send.ts';

export interface DeliveriesOptions {
  prisma: PrismaClient;
  channels: ChannelStore;
  logger: Logger;
  retryFirstMs: number;
}

/** Of one channel. */
const atOnce = 5;
export const attemptsMax = 10;
const retryMsMax = 10 * 60_000;
const errorMax = 500;

interface Due {
  id: string;
  channelId: string;
  attempts: number;
  message: unknown;
}

/** When it is tried again after so many attempts (pure); null: it is given up. */
export function retryAfterMs(attempts: number, firstMs: number): number | null {
  return attempts >= attemptsMax ? null : Math.min(retryMsMax, firstMs * 2 ** (attempts - 1));
}

/**
 * Of each alert the oldest message only: what is over must not be told before what began, which may wait for its next attempt.
 */
const dueSql = `
  SELECT id, channel_id AS "channelId", attempts, message FROM (
    SELECT DISTINCT ON (coalesce(alert_id, id)) id, channel_id, attempts, message, next_at
    FROM alert_delivery WHERE channel_id = $1::uuid AND state = 'waiting'
    ORDER BY coalesce(alert_id, id), created_at, id) oldest
  WHERE next_at <= now() ORDER BY next_at LIMIT ${atOnce}`;

/**
 * Sends what waits, and tries again what did not arrive. At least once: a console may die between sending and writing it down.
 * Every channel goes on by itself: one whose other side hangs keeps no other one waiting.
 */
export class Deliveries {
  private readonly options: DeliveriesOptions;
  private readonly ending = new AbortController();
  /** By channel. */
  private readonly running = new Map<string, Promise<void>>();

  constructor(options: DeliveriesOptions) {
    this.options = options;
  }

  /** Begins with what is due now, and waits for none of it. */
  async send(): Promise<void> {
    const now = new Date();
    await this.dropOfSwitchedOff(now).catch((error: unknown) => this.note(error));
    const channels = await this.options.prisma.alertDelivery
      .groupBy({ by: ['channelId'], where: { state: 'waiting', nextAt: { lte: now } } })
      .catch((error: unknown) => this.note(error));
    if (this.ending.signal.aborted) return;
    for (const { channelId } of channels ?? []) {
      if (this.running.has(channelId)) continue;
      const sent = this.sendDue(channelId).catch((error: unknown) => this.note(error));
      this.running.set(
        channelId,
        sent.finally(() => this.running.delete(channelId)),
      );
    }
  }

  async close(): Promise<void> {
    this.ending.abort();
    await Promise.all(this.running.values());
  }

  /** What waited while its channel was off would be old news when it is on again. */
  private async dropOfSwitchedOff(now: Date): Promise<void> {
    await this.options.prisma.alertDelivery.updateMany({
      where: { state: 'waiting', channel: { isOn: false } },
      data: { state: 'failed', endedAt: now, error: 'its channel was switched off' },
    });
  }

  private note(error: unknown): void {
    this.options.logger.warn({ error: messageOf(error) }, 'messages about alerts could not be sent');
  }

  private async sendDue(channelId: string): Promise<void> {
    const due = await this.options.prisma.$queryRawUnsafe<Due[]>(dueSql, channelId);
    await Promise.all(due.map((delivery) => this.attempt(delivery)));
  }

  private async attempt(delivery: Due): Promise<void> {
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
      const words = storable(messageOf(error).slice(0, errorMax));
      // A channel that was removed meanwhile has taken its messages with it.
      await prisma.alertDelivery.updateMany({ where, data: { attempts, error: words, ...end } });
      logger.warn({ channel: channelId, attempts, error: words }, 'a message about an alert did not arrive');
    }
  }
}
