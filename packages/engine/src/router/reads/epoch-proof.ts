import { messageOf } from '../../shared/errors.ts';
import type { Logger } from '../../shared/logger.ts';
import type { RouterTopology } from '../topology.ts';

/** What a majority says; `unsupported`: a leader of an older release cannot be asked. */
export type AskEpoch = () => Promise<number | null | 'unsupported'>;

export interface EpochProofOptions {
  ask: AskEpoch;
  logger: Logger;
  nowMs(): number;
  topology(): RouterTopology;
}

interface Waiting {
  endMs: number;
  settle(isProven: boolean): void;
}

const retryMs = 20;
const waitingMax = 10_000;

/**
 * For reads that must miss nothing (`strong`): a former primary that is cut off does not know that another one acknowledges
 * writes, nor does a router beside it. A majority does, and is asked; one question at a time serves all who waited before it.
 */
export class EpochProof {
  private readonly options: EpochProofOptions;
  private waiting: Waiting[] = [];
  private isAsking = false;

  constructor(options: EpochProofOptions) {
    this.options = options;
  }

  /** @returns whether the epoch that this router goes by was the cluster's at a moment after the call; false by the deadline */
  prove(timeoutMs: number): Promise<boolean> {
    if (this.waiting.length >= waitingMax) return Promise.resolve(false);
    const endMs = this.options.nowMs() + timeoutMs;
    return new Promise((settle) => {
      this.waiting.push({ endMs, settle });
      if (!this.isAsking) void this.work();
    });
  }

  private async work(): Promise<void> {
    this.isAsking = true;
    while (this.waiting.length > 0) {
      const asked = this.waiting;
      this.waiting = [];
      if (await this.isProven()) {
        for (const each of asked) each.settle(true);
        continue;
      }
      const nowMs = this.options.nowMs();
      for (const each of asked) if (each.endMs <= nowMs) each.settle(false);
      this.waiting = [...asked.filter(({ endMs }) => endMs > nowMs), ...this.waiting];
      // The next epoch may be known to the majority, and not here yet.
      await new Promise((resolve) => setTimeout(resolve, retryMs));
    }
    this.isAsking = false;
  }

  private async isProven(): Promise<boolean> {
    const { ask, topology, logger } = this.options;
    try {
      const epoch = await ask();
      return epoch === 'unsupported' || (epoch !== null && epoch <= topology().epoch);
    } catch (error) {
      logger.debug({ error: messageOf(error) }, 'no majority has confirmed the epoch');
      return false;
    }
  }
}
