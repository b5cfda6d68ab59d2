const intervals = 4;
const steps = [1, 2, 5, 10];
const kilo = 1024;

/**
 * Where the lines of a scale from zero lie, the last one at or above every value: round numbers, in round units of bytes when it counts
 * bytes (pure).
 */
export function ticksUpTo(max: number, isBytes: boolean): number[] {
  if (!(max > 0) || !Number.isFinite(max)) return [0, 1];
  const unit = isBytes ? kilo ** Math.max(0, Math.floor(Math.log(max) / Math.log(kilo))) : 1;
  const raw = max / unit / intervals;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = (steps.find((each) => each * power >= raw * (1 - 1e-9)) ?? 10) * power;
  const count = Math.ceil((max / unit / step) * (1 - 1e-9));
  return Array.from({ length: count + 1 }, (_, index) => Number((index * step).toPrecision(12)) * unit);
}
