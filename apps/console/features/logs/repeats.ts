import type { AppRouter } from '@quantadb/api/client-types';
import type { inferRouterOutputs } from '@trpc/server';

export type Entry = inferRouterOutputs<AppRouter>['logs']['read']['entries'][number];

/** The newest of each run of entries in which one log of one node says the same (pure). */
export function withoutRepeats<T extends Pick<Entry, 'node' | 'source' | 'text'>>(
  entries: readonly T[],
): (T & { times: number })[] {
  const shown: (T & { times: number })[] = [];
  const last = new Map<string, T & { times: number }>();
  for (const entry of entries) {
    const log = `${entry.node} ${entry.source}`;
    const before = last.get(log);
    if (before?.text === entry.text) {
      before.times += 1;
      continue;
    }
    const row = { ...entry, times: 1 };
    last.set(log, row);
    shown.push(row);
  }
  return shown;
}
