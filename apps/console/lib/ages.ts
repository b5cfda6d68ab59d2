/**
 * Ages across two machines' clocks (pure). Moments of the console are compared with one another, and moments of the browser are:
 * between the two only an age travels, with the answer.
 */
export interface Told {
  /** By the console's clock. */
  reportedAtMs: number;
  /** The same moment by this browser's clock. */
  heardAtMs: number;
}

/** @param ageMs how old it was when it was sent; missing: fresh */
export function heardAtMsOf({ ageMs = 0 }: { ageMs?: number }, arrivedAtMs: number): number {
  return arrivedAtMs - ageMs;
}

/** Of what the live line told and what was asked for, the one that the console heard later. */
export function newerOf<T extends Told>(live: T | null, asked: T | null): T | null {
  if (!live || !asked) return live ?? asked;
  return asked.reportedAtMs > live.reportedAtMs ? asked : live;
}

/** What the console's clock shows now, as far as it has told anything. */
export function consoleNowMs(told: Told | null, nowMs: number): number {
  return told ? nowMs + told.reportedAtMs - told.heardAtMs : nowMs;
}
