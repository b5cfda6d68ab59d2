/**
 * The only door to time inside the engine. Decision code takes a `Clock` (or plain numbers) so that the simulator can
 * replay it; deadlines use `monotonicMs`, only displays and logs use `wallMs`.
 */
export interface Clock {
  /** Milliseconds of CLOCK_MONOTONIC, with a fraction. The same scale in every process of one host. */
  monotonicMs(): number;
  /** Milliseconds since the Unix epoch. May jump: never compare two of them to decide anything. */
  wallMs(): number;
}

/** CLOCK_MONOTONIC (Linux: what `process.hrtime` reads), so deadlines can be handed from the daemon to the reaper. */
export const systemClock: Clock = {
  monotonicMs: () => Number(process.hrtime.bigint()) / 1e6,
  wallMs: () => Date.now(),
};
