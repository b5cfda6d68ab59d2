import { z } from 'zod';
import { type WalPosition, walPositionSchema } from '../contract/cluster-state.ts';
import { compareLsn } from '../postgres/lsn.ts';
import { type Clock, systemClock } from '../shared/clock.ts';
import { messageOf } from '../shared/errors.ts';
import type { Logger } from '../shared/logger.ts';
import type { StateDirectory } from '../shared/state-directory.ts';

const fileSchema = z.object({ version: z.literal(1), clusterId: z.string(), position: walPositionSchema });
const fileName = 'confirmed-wal.json';
const writeEveryMs = 1000;

/**
 * The newest position that the synchronous set has confirmed to this node while it was primary. It outlives the reign, and
 * (at most a second old) the daemon: what was confirmed stays so, and an old value is only less useful. A timeline is
 * opened once in the life of a cluster, so a position on one means the same WAL for ever.
 */
export class ConfirmedWal {
  private readonly files: StateDirectory;
  private readonly logger: Logger;
  private readonly clock: Clock;
  private known: { clusterId: string; position: WalPosition } | null = null;
  private writtenAtMs = Number.NEGATIVE_INFINITY;
  private writing = false;

  constructor(parts: { files: StateDirectory; logger: Logger; clock?: Clock }) {
    this.files = parts.files;
    this.logger = parts.logger;
    this.clock = parts.clock ?? systemClock;
  }

  /** A file that cannot be read is worth as much as none: then nothing is known to be confirmed. */
  async load(): Promise<void> {
    try {
      const text = await this.files.read(fileName);
      if (text === null) return;
      const { clusterId, position } = fileSchema.parse(JSON.parse(text));
      this.known = { clusterId, position };
    } catch (error) {
      this.logger.warn({ error: messageOf(error) }, `${this.files.path}/${fileName} is not used`);
    }
  }

  upTo(clusterId: string): WalPosition | null {
    return this.known?.clusterId === clusterId ? this.known.position : null;
  }

  note(clusterId: string, position: WalPosition): void {
    const before = this.upTo(clusterId);
    if (before?.timeline === position.timeline && compareLsn(position.lsn, before.lsn) <= 0) return;
    this.known = { clusterId, position };
    void this.write();
  }

  async forget(): Promise<void> {
    this.known = null;
    await this.files.remove(fileName);
  }

  private async write(): Promise<void> {
    const nowMs = this.clock.monotonicMs();
    if (this.writing || nowMs - this.writtenAtMs < writeEveryMs) return;
    this.writing = true;
    this.writtenAtMs = nowMs;
    try {
      await this.files.overwrite(fileName, JSON.stringify({ version: 1, ...this.known }));
    } catch (error) {
      this.logger.warn({ error: messageOf(error) }, 'the confirmed position was not written down');
    } finally {
      this.writing = false;
    }
  }
}
