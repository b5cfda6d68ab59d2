import { messageOf } from '@quantadb/engine/shared/errors';
import type { Logger } from '@quantadb/engine/shared/logger';

const flushEveryMs = 1000;
const queueMax = 20_000;

/**
 * Rows of history are collected for a second and written in one statement, so that a thousand nodes cost one round trip. When
 * the database does not keep up the oldest rows are dropped: live values never wait for history.
 */
export class WriteQueue<Row> {
  private readonly options: { what: string; logger: Logger; write(rows: Row[]): Promise<unknown> };
  private readonly timer: NodeJS.Timeout;
  private queue: Row[] = [];
  private writing: Promise<void> | null = null;
  private lost = 0;

  constructor(options: { what: string; logger: Logger; write(rows: Row[]): Promise<unknown> }) {
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
    if (rows.length === 0) return;
    this.queue = [];
    const { what, logger, write } = this.options;
    try {
      await write(rows);
    } catch (error) {
      this.lost += rows.length;
      logger.warn({ error: messageOf(error), rows: rows.length }, `${what} were not stored`);
    }
  }
}
