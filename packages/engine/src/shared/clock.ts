/** Calls a timer off; calling it twice, or after the timer has fired, does nothing. */
export type Cancel = () => void;

/**
 * The only door to time inside the engine. Decision code takes a `Clock` (or plain numbers) so that the simulator can
 * replay it; deadlines use `monotonicMs`, only displays and logs use `wallMs`.
 */
export interface Clock {
  /** Milliseconds of CLOCK_MONOTONIC, with a fraction. The same scale in every process of one host. */
  monotonicMs(): number;
  /** Milliseconds since the Unix epoch. May jump: never compare two of them to decide anything. */
  wallMs(): number;
  /** Does `work` once, at least `delayMs` from now. */
  after(delayMs: number, work: () => void): Cancel;
  /** Does `work` every `periodMs`; a late round is not made up for. */
  every(periodMs: number, work: () => void): Cancel;
}

/** CLOCK_MONOTONIC (Linux: what `process.hrtime` reads), so deadlines can be handed from the daemon to the reaper. */
export const systemClock: Clock = {
  monotonicMs: () => Number(process.hrtime.bigint()) / 1e6,
  wallMs: () => Date.now(),
  after: (delayMs, work) => {
    const timer = setTimeout(work, delayMs);
    return () => clearTimeout(timer);
  },
  every: (periodMs, work) => {
    const timer = setInterval(work, periodMs);
    return () => clearInterval(timer);
  },
};

/** Waits; an abort of `signal` ends the wait at once by throwing its reason. */
export function sleep(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(signal.reason);
      return;
    }
    const aborted = () => {
      cancel();
      reject(signal?.reason);
    };
    const cancel = clock.after(delayMs, () => {
      signal?.removeEventListener('abort', aborted);
      resolve();
    });
    signal?.addEventListener('abort', aborted, { once: true });
  });
}
