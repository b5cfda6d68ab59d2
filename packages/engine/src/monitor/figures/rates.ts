/** How counters grow (pure). */

export interface Interval {
  fromMs: number;
  toMs: number;
}

/** Undefined where a counter is not known, or has begun again. */
export function grown(before: number | null, now: number | null): number | undefined {
  if (before === null || now === null || now < before) return undefined;
  return now - before;
}

export function ratePerSecond(
  before: number | null,
  now: number | null,
  { fromMs, toMs }: Interval,
): number | undefined {
  const more = grown(before, now);
  return more === undefined || toMs <= fromMs ? undefined : (more * 1000) / (toMs - fromMs);
}

/** Of both together; undefined where there was neither. */
export function shareOf(one: number | undefined, other: number | undefined): number | undefined {
  if (one === undefined || other === undefined || one + other === 0) return undefined;
  return one / (one + other);
}

export interface FreeSpace {
  atMs: number;
  bytes: number;
}

/** A minute's burst is no trend. */
const trendMsMin = 180_000;
export const trendMsMax = 15 * 60_000;
/** Less is the coming and going of temporary files and WAL segments. */
const shrinkBytesMin = 32 * 1024 * 1024;

/**
 * When a volume is full if it goes on filling as it did, by the line through the first and the last look. Undefined while it
 * does not fill, or has not been looked at for long enough.
 *
 * @param looks oldest first, of the last quarter of an hour
 * @returns seconds from the last look
 */
export function secondsUntilFull(looks: readonly FreeSpace[]): number | undefined {
  const [first] = looks;
  const last = looks.at(-1);
  if (!first || !last || last.atMs - first.atMs < trendMsMin) return undefined;
  // Loading data into a new system for three minutes is a trend too: how long it was watched is told beside it.
  const shrunk = first.bytes - last.bytes;
  if (shrunk < shrinkBytesMin) return undefined;
  return last.bytes / (shrunk / ((last.atMs - first.atMs) / 1000));
}

/** How long the looks are apart that `secondsUntilFull` goes by; undefined without two. */
export function secondsWatched(looks: readonly FreeSpace[]): number | undefined {
  const [first] = looks;
  const last = looks.at(-1);
  return first && last && first !== last ? (last.atMs - first.atMs) / 1000 : undefined;
}
