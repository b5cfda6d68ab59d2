import type { LogEntry, LogQuestion, LogSource } from '@quantadb/engine/contract/logs';

/** Entries of several nodes, as the command shows them (pure). */

export type ToldLogEntry = LogEntry & { node: string; source: LogSource };

export type LogFilter = Omit<LogQuestion, 'source'> & { source?: LogSource | undefined; node: string | null };

/** One below the other; further lines of an entry stand below its text. */
export function logLines(entries: readonly ToldLogEntry[]): string {
  const nodeWidth = Math.max(0, ...entries.map(({ node }) => node.length));
  return entries
    .map(({ atMs, node, source, severity, text }) => {
      const at = atMs === null ? '-'.padEnd(24) : new Date(atMs).toISOString();
      const head = `${at}  ${node.padEnd(nodeWidth)}  ${source.padEnd(8)}  ${severity.padEnd(7)}  `;
      return head + text.replaceAll('\n', `\n${' '.repeat(head.length)}`);
    })
    .join('\n');
}

/** What has come since: the same line of the same moment counts as often as it is there. */
export function unseen(before: readonly ToldLogEntry[], now: readonly ToldLogEntry[]): ToldLogEntry[] {
  const counts = new Map<string, number>();
  const keyOf = (entry: ToldLogEntry) => JSON.stringify([entry.atMs, entry.node, entry.source, entry.text]);
  for (const entry of before) counts.set(keyOf(entry), (counts.get(keyOf(entry)) ?? 0) + 1);
  return now.filter((entry) => {
    const left = counts.get(keyOf(entry)) ?? 0;
    counts.set(keyOf(entry), left - 1);
    return left <= 0;
  });
}
