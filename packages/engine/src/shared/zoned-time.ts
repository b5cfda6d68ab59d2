/** Moments as people write them, with the zone whose clocks showed them (pure): of the command line and of the console, whose pages import it. */

type Read = { ok: true; atMs: number } | { ok: false; problem: string };

const withOffset = /^\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d{1,6})?)?\s?(Z|UTC|[+-]\d\d:?(\d\d)?)$/i;
const withoutOffset = /^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d)(:\d\d(?:\.\d{1,6})?)?$/;
const quarterMs = 15 * 60_000;
const furthestMs = 14 * 3_600_000;

/**
 * Where clocks go back an hour comes twice, and where they go forward one never comes: neither is guessed.
 *
 * @param timeZone of a moment that is written without an offset; null: none was named, and none is guessed
 */
export function readMoment(text: string, timeZone: string | null): Read {
  const trimmed = text.trim();
  if (withOffset.test(trimmed)) {
    const iso = trimmed
      .replace(' ', 'T')
      .replace(/\s?(UTC|z)$/i, 'Z')
      .replace(/\s?([+-]\d\d):?(\d\d)?$/, (_, hours: string, minutes = '00') => `${hours}:${minutes}`);
    const atMs = Date.parse(iso);
    if (Number.isFinite(atMs)) return { ok: true, atMs };
  }
  const local = withoutOffset.exec(trimmed);
  if (!local) return { ok: false, problem: 'Write it as 2026-11-27 14:00:00, or with an offset: …+01' };
  if (timeZone === null)
    return { ok: false, problem: 'It leaves its time zone open: add an offset, like +01 or Z' };
  if (!isTimeZone(timeZone)) return { ok: false, problem: `${timeZone} is no time zone` };
  const asUtcMs = Date.parse(`${local[1]}T${local[2]}${local[3] ?? ':00'}Z`);
  if (!Number.isFinite(asUtcMs)) return { ok: false, problem: 'There is no such time' };
  const found = new Set<number>();
  for (let offsetMs = -furthestMs; offsetMs <= furthestMs; offsetMs += quarterMs) {
    const atMs = asUtcMs - offsetMs;
    if (momentText(atMs, timeZone) === momentText(asUtcMs, 'UTC')) found.add(atMs);
  }
  const [first, second] = [...found].sort((left, right) => left - right);
  if (first === undefined)
    return { ok: false, problem: `It never was in ${timeZone}: the clocks went forward over it` };
  if (second !== undefined)
    return { ok: false, problem: `It was twice in ${timeZone}: add the offset that is meant, like +01` };
  return { ok: true, atMs: first };
}

/** 2026-11-27 14:00:00, by the clocks of that zone. */
export function momentText(atMs: number, timeZone: string): string {
  const format = new Intl.DateTimeFormat('sv-SE', { timeZone, dateStyle: 'short', timeStyle: 'medium' });
  return format.format(atMs);
}

export function isTimeZone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone.length > 0;
  } catch {
    return false;
  }
}
