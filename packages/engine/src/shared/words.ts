/** How times and lists are said in messages of daemons (pure). */

/** `12:03:04 UTC`: a daemon does not know where its reader lives. */
export function timeWords(wallMs: number): string {
  return `${new Date(wallMs).toISOString().slice(11, 19)} UTC`;
}

/** `node-2`, `node-2 or node-3`, `node-2, node-3 or node-4`. */
export function listWords(names: readonly string[], conjunction: 'and' | 'or'): string {
  const last = names.at(-1);
  if (names.length < 2 || last === undefined) return last ?? 'none';
  return `${names.slice(0, -1).join(', ')} ${conjunction} ${last}`;
}

/** Which nodes to bring back when `needed` of them suffice. */
export function someOfWords(names: readonly string[], needed: number): string {
  if (needed >= names.length) return listWords(names, 'and');
  return needed <= 1 ? listWords(names, 'or') : `${needed} of ${names.join(', ')}`;
}

/** `12 MB`, `1.3 GB`: powers of 1024, as PostgreSQL's pg_size_pretty counts. */
export function sizeWords(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  const power = bytes < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(bytes) / 10));
  const value = bytes / 1024 ** power;
  return `${value < 10 && power > 0 ? value.toFixed(1) : Math.round(value)} ${units[power]}`;
}

/** To the second, in UTC. */
export function momentWords(atMs: number): string {
  return `${new Date(atMs).toISOString().slice(0, 19).replace('T', ' ')} UTC`;
}

/** `1 h`, `90 min`, `45 s`, `2 d`: in the largest unit that says it exactly. */
export function durationWords(ms: number): string {
  const units: [string, number][] = [
    ['d', 86_400_000],
    ['h', 3_600_000],
    ['min', 60_000],
    ['s', 1000],
  ];
  const [unit, size] = units.find(([, each]) => ms >= each && ms % each === 0) ?? ['ms', 1];
  return `${ms / size} ${unit}`;
}
