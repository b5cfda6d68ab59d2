import { type Cancel, type Clock, systemClock } from '../shared/clock.ts';
import { QuantaError, sentenceOf } from '../shared/errors.ts';
import type { Logger } from '../shared/logger.ts';
import type { JobLook } from './job-order.ts';

/** What a piece of work reports while it runs. */
export interface JobReport {
  step(words: string): void;
  progress(progress: { percent: number | null; bytesDone: number | null }): void;
  warn(words: string): void;
}

/** Which piece of work, and which attempt at it. */
interface Order {
  id: string;
  attempt: number;
}

type Look<Result> = Omit<JobLook, 'result'> & { result: Result | null };

export interface JobRunnerOptions<OrderOf extends Order, Result> {
  logger: Logger;
  clock?: Clock;
  /** Absent: `unaskedMsMax`. */
  unaskedMsMax?: number;
  work(order: OrderOf, report: JobReport, signal: AbortSignal): Promise<Result>;
}

/**
 * A job that nobody has asked about for so long is ended: its decider is gone or cut off, and the next one may give the
 * work to another node. Shorter than `abandonAfterMs` of the manager, which waits before it does.
 */
export const unaskedMsMax = 45_000;
const watchEveryMs = 1000;

interface Running<OrderOf extends Order, Result> {
  order: OrderOf;
  look: Look<Result>;
  controller: AbortController;
  askedMs: number;
  /** Resolves when it is over, however it ended. */
  over: Promise<void>;
}

/** Carries out one order at a time on this node, and keeps what came of the last one. */
export class JobRunner<OrderOf extends Order, Result> {
  private readonly options: JobRunnerOptions<OrderOf, Result>;
  private readonly clock: Clock;
  private current: Running<OrderOf, Result> | null = null;
  private stopWatch: Cancel = () => undefined;

  constructor(options: JobRunnerOptions<OrderOf, Result>) {
    this.options = options;
    this.clock = options.clock ?? systemClock;
  }

  /** Starting the same attempt twice changes nothing. */
  start(order: OrderOf): { ok: true } | { ok: false; reason: string } {
    const { current } = this;
    const isSame = current?.order.id === order.id && current.order.attempt === order.attempt;
    if (isSame) return { ok: true };
    if (current?.look.state === 'running')
      return { ok: false, reason: `this node still works on ${current.order.id}` };
    const controller = new AbortController();
    const look: Look<Result> = {
      ...{ state: 'running', detail: 'starting', percent: null, bytesDone: null, warnings: [], result: null },
      retry: false,
    };
    const over = this.run({ order, look, controller });
    const running: Running<OrderOf, Result> = {
      ...{ order, look, controller, over },
      askedMs: this.clock.monotonicMs(),
    };
    this.current = running;
    this.stopWatch = this.clock.every(watchEveryMs, () => this.watch(running));
    void over.finally(() => this.stopWatch());
    return { ok: true };
  }

  /** How it goes; while it runs, as soon as it has ended, or after so many milliseconds. */
  async lookWhenOver(id: string, waitMs: number): Promise<Look<Result>> {
    const { current } = this;
    if (waitMs > 0 && current && this.look(id).state === 'running') {
      let stopWaiting: Cancel = () => undefined;
      const waited = new Promise<void>((resolve) => {
        stopWaiting = this.clock.after(waitMs, resolve);
      });
      await Promise.race([current.over, waited]).finally(() => stopWaiting());
    }
    return this.look(id);
  }

  look(id: string): Look<Result> {
    const { current } = this;
    if (current?.order.id !== id)
      return {
        ...{
          state: 'unknown',
          detail: '',
          percent: null,
          bytesDone: null,
          warnings: [],
          result: null,
          retry: true,
        },
      };
    current.askedMs = this.clock.monotonicMs();
    return { ...current.look };
  }

  cancel(id: string, why: string): void {
    if (this.current?.order.id === id) this.current.controller.abort(new QuantaError('REFUSED', why));
  }

  /** Ends what runs, for a daemon that ends. */
  stop(): void {
    this.stopWatch();
    this.current?.controller.abort(new QuantaError('REFUSED', 'the daemon ends'));
  }

  private watch(running: Running<OrderOf, Result>): void {
    const unaskedMs = this.clock.monotonicMs() - running.askedMs;
    if (unaskedMs <= (this.options.unaskedMsMax ?? unaskedMsMax)) return;
    running.controller.abort(new QuantaError('REFUSED', 'no decider has asked about it any more'));
  }

  private async run({
    order,
    look,
    controller,
  }: Pick<Running<OrderOf, Result>, 'order' | 'look' | 'controller'>): Promise<void> {
    const report: JobReport = {
      step: (words) => {
        look.detail = words.slice(0, 1000);
      },
      progress: ({ percent, bytesDone }) => {
        look.percent = percent;
        look.bytesDone = bytesDone;
      },
      warn: (words) => {
        if (look.warnings.length < 20) look.warnings.push(words.slice(0, 300));
      },
    };
    try {
      look.result = await this.options.work(order, report, controller.signal);
      look.state = 'done';
    } catch (error) {
      look.detail = sentenceOf(error).slice(0, 1000);
      look.retry = isWorthRetrying(error, controller.signal);
      look.state = 'failed';
      this.options.logger.warn({ job: order.id, error: look.detail }, 'work on the repository failed');
    }
  }
}

function isWorthRetrying(error: unknown, signal: AbortSignal): boolean {
  if (signal.aborted) return true;
  if (!(error instanceof QuantaError)) return true;
  return error.details?.retry !== false && error.code !== 'CONFIG_INVALID';
}
