/** Amounts in sentences for people (pure). */

const sizes = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'] as const;

export function bytesWords(bytes: number): string {
  let value = Math.abs(bytes);
  let at = 0;
  while (value >= 1000 && at < sizes.length - 1) {
    value /= 1024;
    at += 1;
  }
  const digits = at === 0 || value >= 100 ? 0 : 1;
  return `${value.toFixed(digits)} ${sizes[at]}`;
}

/** "4 s", "3 min", "2 h 5 min", "5 days". */
export function timeWords(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 120) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 120) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  const rest = minutes % 60;
  if (hours < 48) return rest === 0 || hours >= 10 ? `${hours} h` : `${hours} h ${rest} min`;
  return `${Math.floor(hours / 24)} days`;
}

export function countWords(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}

export function percentWords(share: number): string {
  return `${(share * 100).toFixed(share < 0.1 ? 1 : 0)} %`;
}
