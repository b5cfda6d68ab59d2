import type { AppRouter } from '@quantadb/api/client-types';
import type { SeriesPoint } from '@quantadb/ui/charts/time-series';
import type { inferRouterOutputs } from '@trpc/server';

/** What is shown of statements, and how it is drawn (pure). */

type Outputs = inferRouterOutputs<AppRouter>['statements'];
export type Answer = Outputs['top'];
export type Statement = Answer['statements'][number];
export type History = Outputs['history'];

export const orders = [
  'totalMs',
  'calls',
  'meanMs',
  'rows',
  'blocksRead',
  'blocksHit',
  'tempBlocks',
  'walBytes',
] as const;
export type Order = (typeof orders)[number];
export const orderWords: Record<Order, string> = {
  totalMs: 'Total time',
  calls: 'Calls',
  meanMs: 'Mean time',
  rows: 'Rows',
  blocksRead: 'Blocks read',
  blocksHit: 'Blocks found in memory',
  tempBlocks: 'Temporary blocks',
  walBytes: 'WAL',
};

export function keyOf({ queryId, user, database }: Pick<Statement, 'queryId' | 'user' | 'database'>): string {
  return JSON.stringify([queryId, user, database]);
}

export function findStatement(statements: readonly Statement[], key: string | null): Statement | null {
  return statements.find((statement) => keyOf(statement) === key) ?? null;
}

/** Of all the time that all statements together took; 0 … 1. */
export function shareOf(statement: Pick<Statement, 'totalMs'>, all: Answer['all']): number {
  return all.totalMs > 0 ? Math.min(1, statement.totalMs / all.totalMs) : 0;
}

export function blocksHitShare({ blocksHit, blocksRead }: Statement): number | null {
  const blocks = blocksHit + blocksRead;
  return blocks > 0 ? blocksHit / blocks : null;
}

const charts = {
  busy: ({ totalMs }: History['buckets'][number], seconds: number) => totalMs / seconds,
  calls: ({ calls }: History['buckets'][number], seconds: number) => calls / seconds,
  mean: ({ totalMs, calls }: History['buckets'][number]) => (calls > 0 ? totalMs / calls : null),
};
export type Drawn = keyof typeof charts;

/** One line; a gap where the statement did not run, or was not among those that are told. */
export function pointsOf({ widthMs, buckets }: History, drawn: Drawn, series: string): SeriesPoint[] {
  const seconds = widthMs / 1000;
  return buckets.flatMap((bucket, at) => {
    const atMs = Date.parse(bucket.at);
    const before = buckets[at - 1];
    const isApart = before !== undefined && atMs - Date.parse(before.at) > widthMs;
    const gap: SeriesPoint[] = isApart ? [{ atMs: atMs - widthMs, [series]: null }] : [];
    return [...gap, { atMs, [series]: charts[drawn](bucket, seconds) }];
  });
}
