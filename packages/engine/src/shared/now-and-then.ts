import { type Clock, systemClock } from './clock.ts';

export interface NowAndThenOptions {
  everyMs: number;
  clock?: Clock | undefined;
  /** Told of every failure; the work is done again when it is due. */
  onError(error: unknown): void;
}

/** Work beside a loop that turns more often: no sooner than it is due again, one at a time, and never thrown into the loop. */
export class NowAndThen {
  private readonly options: NowAndThenOptions;
  private readonly clock: Clock;
  private begunAtMs = Number.NEGATIVE_INFINITY;
  private isBusy = false;

  constructor(options: NowAndThenOptions) {
    this.options = options;
    this.clock = options.clock ?? systemClock;
  }

  /** @param everyMs for as long as something asks for a closer look than usual */
  run(work: () => Promise<unknown>, everyMs = this.options.everyMs): void {
    const nowMs = this.clock.monotonicMs();
    if (this.isBusy || nowMs < this.begunAtMs + everyMs) return;
    this.begunAtMs = nowMs;
    this.isBusy = true;
    void work()
      .catch((error: unknown) => this.options.onError(error))
      .finally(() => {
        this.isBusy = false;
      });
  }
}
