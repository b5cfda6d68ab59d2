const kilo = 1024;
const units = ['B', 'kB', 'MB', 'GB', 'TB'];

/** PostgreSQL's units (1 kB = 1024 bytes), three significant digits at most. */
export function bytesText(bytes: number | null): string {
  if (bytes === null) return '–';
  let value = Math.abs(bytes);
  let unit = 0;
  while (value >= kilo && unit < units.length - 1) {
    value /= kilo;
    unit += 1;
  }
  const digits = unit === 0 || value >= 100 ? 0 : 1;
  return `${bytes < 0 ? '-' : ''}${value.toFixed(digits)} ${units[unit]}`;
}

export function durationText(ms: number | null): string {
  if (ms === null) return '–';
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 59_950) return `${(ms / 1000).toFixed(1)} s`;
  // Rounded first: else there were 60 seconds in a minute.
  const seconds = Math.round(ms / 1000);
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  const minutes = Math.round(ms / 60_000);
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
