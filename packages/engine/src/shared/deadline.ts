import { type Clock, sleep, systemClock } from './clock.ts';
import { QuantaError } from './errors.ts';

/**
 * Runs `work` and gives up after `timeoutMs`. The signal handed to `work` is aborted at that moment (or when `parent`
 * is), so that whatever it started is stopped too.
 *
 * @throws QuantaError DEADLINE_EXCEEDED naming `what`
 */
export async function withDeadline<T>(
  what: string,
  timeoutMs: number,
  work: (signal: AbortSignal) => Promise<T>,
  parent?: AbortSignal,
): Promise<T> {
  const timer = new AbortController();
  const signal = parent ? AbortSignal.any([timer.signal, parent]) : timer.signal;
  let timeout: NodeJS.Timeout | undefined;
  const expired = new Promise<never>((_, reject) => {
    timeout = setTimeout(() => {
      const error = new QuantaError('DEADLINE_EXCEEDED', `${what} took longer than ${timeoutMs} ms`);
      timer.abort(error);
      reject(error);
    }, timeoutMs);
  });
  try {
    return await Promise.race([work(signal), expired]);
  } finally {
    clearTimeout(timeout);
  }
}

export interface PollOptions {
  what: string;
  timeoutMs: number;
  intervalMs: number;
  signal?: AbortSignal | undefined;
  clock?: Clock;
}

/**
 * Asks `condition` again and again until it gives something other than undefined.
 *
 * @throws QuantaError DEADLINE_EXCEEDED when `timeoutMs` has passed without an answer
 */
export async function pollUntil<T>(
  condition: () => Promise<T | undefined>,
  options: PollOptions,
): Promise<T> {
  const clock = options.clock ?? systemClock;
  const endMs = clock.monotonicMs() + options.timeoutMs;
  for (;;) {
    options.signal?.throwIfAborted();
    const answer = await condition();
    if (answer !== undefined) return answer;
    if (clock.monotonicMs() >= endMs) {
      throw new QuantaError(
        'DEADLINE_EXCEEDED',
        `${options.what}: not reached within ${options.timeoutMs} ms`,
      );
    }
    await sleep(clock, options.intervalMs, options.signal);
  }
}
