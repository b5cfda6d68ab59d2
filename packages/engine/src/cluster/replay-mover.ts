import { type Clock, systemClock } from '../shared/clock.ts';
import type { NodeAgentOptions } from './agent-options.ts';

type MoverOptions = Pick<NodeAgentOptions, 'self' | 'database' | 'logger' | 'clock'> & {
  note(event: { severity: 'warning'; event: string; message: string }): void;
};

/** Replay that stands still for so long, on a node that does not stream, waits for somebody. */
const heldUpAfterMs = 1000;

/**
 * PostgreSQL asks its upstream for WAL only when it has replayed what it has. Readers may hold that up for as long as the
 * user's settings allow, but not while a node has to follow a new primary: writes may be waiting for it.
 */
export class ReplayMover {
  private readonly options: MoverOptions;
  private readonly clock: Clock;
  private still: { lsn: string; sinceMs: number } | null = null;

  constructor(options: MoverOptions) {
    this.options = options;
    this.clock = options.clock ?? systemClock;
  }

  /** Called often, on a node that follows `upstream` and is not late on purpose. */
  async keepMoving(upstream: string): Promise<void> {
    const { database, self, logger } = this.options;
    const seen = database.observation();
    const nowMs = this.clock.monotonicMs();
    const isBehind = seen?.receiverStatus !== 'streaming' && seen?.replayLsn !== seen?.lsn;
    const lsn = isBehind ? (seen?.replayLsn ?? null) : null;
    if (lsn === null || this.still?.lsn !== lsn) this.still = lsn === null ? null : { lsn, sinceMs: nowMs };
    if (!this.still || nowMs - this.still.sinceMs < heldUpAfterMs) return;
    this.still = null;
    const hold = await database.freeReplay();
    if (hold === null) return;
    const what = hold === 'paused' ? 'A pause of replay was ended' : 'Sessions were ended';
    logger.warn({ hold, lsn }, 'replay was held up');
    const message = `${what} on ${self}: it could not follow ${upstream} before it had replayed its WAL.`;
    this.options.note({ severity: 'warning', event: 'replay-freed', message });
  }
}
