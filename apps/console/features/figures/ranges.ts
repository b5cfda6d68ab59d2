const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
export const ranges = {
  '15m': 15 * minuteMs,
  '1h': hourMs,
  '6h': 6 * hourMs,
  '24h': 24 * hourMs,
  '7d': 7 * 24 * hourMs,
  '30d': 30 * 24 * hourMs,
} as const;
export const rangeNames = Object.keys(ranges) as (keyof typeof ranges)[];
