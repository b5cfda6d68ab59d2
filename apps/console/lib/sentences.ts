/** Moments inside sentences of clusters, as the reader's clocks show them (pure). */

/** What a moment is written as, by the zone that the reader has chosen. */
export interface MomentFormats {
  moment(atMs: number): string;
  clock(atMs: number): string;
}

const dayMs = 86_400_000;
/** A clock of a node may be a little ahead. */
const aheadMs = 60_000;
/** `2026-11-29T08:19:38.378Z`, `2026-11-29 08:19:38 UTC`, `08:19:38 UTC`: daemons do not know where their readers live. */
const written = /(?:(\d{4}-\d{2}-\d{2})[T ])?(\d{2}:\d{2}:\d{2}(?:\.\d+)?)(?:Z| UTC)/g;

/** @param saidMs when it was said: a time without a day is of the day before that */
export function withMoments(text: string, saidMs: number, formats: MomentFormats): string {
  return text.replace(written, (whole, day: string | undefined, time: string) => {
    if (day !== undefined) {
      const atMs = Date.parse(`${day}T${time}Z`);
      return Number.isFinite(atMs) ? formats.moment(atMs) : whole;
    }
    const today = new Date(saidMs).toISOString().slice(0, 10);
    const atMs = Date.parse(`${today}T${time}Z`);
    if (!Number.isFinite(atMs) || whole.endsWith('Z')) return whole;
    return formats.clock(atMs > saidMs + aheadMs ? atMs - dayMs : atMs);
  });
}
