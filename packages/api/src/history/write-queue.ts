import { setImmediate as nextTurn } from 'node:timers/promises';
import { messageOf } from '@quantadb/engine/shared/errors';
import type { Logger } from '@quantadb/engine/shared/logger';
import { isDataError } from '../metadata-pool.ts';

const flushEveryMs = 1000;
const queueMax = 20_000;
/** A row is some hundred bytes of JSON, and everybody else waits while they are written out. */
const rowsAtOnceMax = 100;

export interface WriteQueueOptions<Row> {
  what: string;
  logger: Logger;
  /** One statement's worth; missing: a hundred. */
  rowsAtOnce?: number;
  write(rows: Row[]): Promise<unknown>;
}

/**
 * Rows of history are collected for a second and written in few statements, so that a thousand nodes cost few round trips, and
 * nobody who asks this console waits for more than a part of them. When the database does not keep up the oldest rows are
 * dropped: live values never wait for history.
 */
export class WriteQueue<Row> {
  private readonly options: WriteQueueOptions<Row>;
  private readonly timer: NodeJS.Timeout;
  private queue: Row[] = [];
  private writing: Promise<void> | null = null;
  private lost = 0;

  constructor(options: WriteQueueOptions<Row>) {
    this.options = options;
    this.timer = setInterval(() => void this.flush(), flushEveryMs);
  }

  /** Rows that could not be stored since the start. */
  get dropped(): number {
    return this.lost;
  }

  add(rows: Row[]): void {
    this.queue.push(...rows);
    const excess = this.queue.length - queueMax;
    if (excess <= 0) return;
    this.lost += excess;
    this.queue.splice(0, excess);
  }

  flush(): Promise<void> {
    this.writing ??= this.write().finally(() => {
      this.writing = null;
    });
    return this.writing;
  }

  async close(): Promise<void> {
    clearInterval(this.timer);
    await this.flush();
  }

  private async write(): Promise<void> {
    const rows = this.queue;
    this.queue = [];
    const atOnce = this.options.rowsAtOnce ?? rowsAtOnceMax;
    for (let first = 0; first < rows.length; first += atOnce) {
      if (first > 0) await nextTurn();
      const isReachable = await this.writePart(rows.slice(first, first + atOnce));
      // The others would wait as long in vain, and what comes meanwhile with them.
      if (!isReachable) return this.lose(rows.length - first - atOnce);
    }
  }

  /** @returns false when the database cannot be written to: that is not about these rows */
  private async writePart(rows: Row[]): Promise<boolean> {
    const { what, logger, write } = this.options;
    try {
      await write(rows);
      return true;
    } catch (error) {
      this.lose(rows.length);
      logger.warn({ error: messageOf(error), rows: rows.length }, `${what} were not stored`);
      return isDataError(error);
    }
  }

  private lose(rows: number): void {
    this.lost += Math.max(0, rows);
  }
}
