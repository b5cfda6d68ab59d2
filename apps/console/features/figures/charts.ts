import type { AppRouter } from '@quantadb/api/client-types';
import type { SeriesPoint } from '@quantadb/ui/charts/time-series';
import { bytesText, durationText } from '@quantadb/ui/charts/units';
import type { inferRouterOutputs } from '@trpc/server';

/** Which figures are drawn, and how (pure). */

export type Figures = inferRouterOutputs<AppRouter>['clusters']['figures'];
export type Metric = Figures['names'][number];

export interface Chart {
  metric: Metric;
  title: string;
  format(value: number | null): string;
  /** The top of the scale while everything is below it. */
  topMin: number;
  /** What of each bucket is drawn: of what hurts at its worst, the worst. */
  stat: 'mean' | 'low' | 'high';
  /** What is drawn of each unit that is measured: 3600 for what is measured per second and told per hour. */
  times?: number;
}

export interface ChartGroup {
  title: string;
  charts: Chart[];
}

export function numberText(value: number | null): string {
  if (value === null) return '–';
  if (Math.abs(value) >= 1e9) return `${(value / 1e9).toFixed(2)} bn`;
  if (Math.abs(value) >= 1e6) return `${(value / 1e6).toFixed(1)} M`;
  if (Math.abs(value) >= 1e4) return `${(value / 1e3).toFixed(1)} k`;
  return Number.isInteger(value) || Math.abs(value) >= 100 ? String(Math.round(value)) : value.toFixed(1);
}

export function shareText(value: number | null): string {
  if (value === null) return '–';
  // What is nearly all is not said to be all.
  const isNearlyAll = value > 0.995 && value < 1;
  return `${isNearlyAll ? (Math.floor(value * 10_000) / 100).toFixed(2) : (value * 100).toFixed(1)} %`;
}

export function secondsText(value: number | null): string {
  return durationText(value === null ? null : value * 1000);
}

const perSecond = (format: (value: number | null) => string) => (value: number | null) =>
  value === null ? '–' : `${format(value)}/s`;
const count = { format: numberText, topMin: 5 };
const rate = { format: perSecond(numberText), topMin: 5, stat: 'mean' } as const;
const bytes = { format: bytesText, topMin: 1024 * 1024 };
const byteRate = { format: perSecond(bytesText), topMin: 64 * 1024, stat: 'mean' } as const;
const share = { format: shareText, topMin: 1 };
const perHour = { format: numberText, times: 3600 };

/** What clients of the routers meet. */
export const routerGroup: ChartGroup = {
  title: 'Through the routers',
  charts: [
    { metric: 'routerClients', title: 'Clients of the router', ...count, stat: 'high' },
    { metric: 'routerWaiting', title: 'Waiting for a server', ...count, stat: 'high' },
    { metric: 'routerStatementsPerSecond', title: 'Statements', ...rate },
    { metric: 'routerStandbyReadsPerSecond', title: 'Answered by standbys', ...rate },
  ],
};

export const chartGroups: ChartGroup[] = [
  {
    title: 'Sessions',
    charts: [
      { metric: 'clients', title: 'Clients on PostgreSQL', ...count, stat: 'high' },
      { metric: 'active', title: 'Running a statement', ...count, stat: 'high' },
      { metric: 'waitingForLocks', title: 'Waiting for a lock', ...count, stat: 'high' },
      {
        metric: 'longestTransactionSeconds',
        title: 'Oldest transaction',
        format: secondsText,
        topMin: 5,
        stat: 'high',
      },
    ],
  },
  {
    title: 'Work',
    charts: [
      { metric: 'commitsPerSecond', title: 'Commits', ...rate },
      { metric: 'rollbacksPerSecond', title: 'Rollbacks', ...rate },
      { metric: 'rowsReadPerSecond', title: 'Rows read', ...rate },
      { metric: 'rowsWrittenPerSecond', title: 'Rows written', ...rate },
      { metric: 'walBytesPerSecond', title: 'WAL written or received', ...byteRate },
    ],
  },
  routerGroup,
  {
    title: 'Machine',
    charts: [
      { metric: 'cpuShare', title: 'CPU of the host', ...share, stat: 'mean' },
      { metric: 'memoryAvailableBytes', title: 'Memory available', ...bytes, stat: 'low' },
      { metric: 'diskFreeBytes', title: 'Disk free', ...bytes, stat: 'low' },
      { metric: 'cacheHitShare', title: 'Blocks found in shared buffers', ...share, stat: 'mean' },
      { metric: 'blocksReadPerSecond', title: 'Blocks read from outside of them', ...rate },
      { metric: 'tempBytesPerSecond', title: 'Temporary files', ...byteRate },
    ],
  },
  {
    title: 'Upkeep',
    charts: [
      { metric: 'databaseBytes', title: 'Databases', ...bytes, stat: 'high' },
      { metric: 'slotBytes', title: 'WAL kept for a slot', ...bytes, stat: 'high' },
      {
        metric: 'transactionIdAge',
        title: 'Oldest unfrozen transaction id',
        ...count,
        topMin: 1e6,
        stat: 'high',
      },
      { metric: 'autovacuumWorkers', title: 'Autovacuum workers', ...count, stat: 'high' },
      {
        metric: 'checkpointsPerSecond',
        title: 'Checkpoints per hour',
        ...perHour,
        topMin: 12,
        stat: 'mean',
      },
      {
        metric: 'deadlocksPerSecond',
        title: 'Deadlocks per hour',
        ...perHour,
        topMin: 5,
        stat: 'high',
      },
    ],
  },
];

/** What one node has told. */
export function ofNode(figures: Figures, node: string): Figures {
  return { ...figures, buckets: figures.buckets.filter((bucket) => bucket.node === node) };
}

/** A line per node. */
export function linesOf(
  figures: Figures,
  { metric, stat, times = 1 }: Chart,
): { nodes: string[]; points: SeriesPoint[] } {
  const position = figures.names.indexOf(metric);
  const points = new Map<number, SeriesPoint>();
  const nodes = new Set<string>();
  for (const bucket of figures.buckets) {
    const measured = bucket[stat][position] ?? null;
    const value = measured === null ? null : measured * times;
    const atMs = Date.parse(bucket.at);
    const point = points.get(atMs) ?? { atMs };
    point[bucket.node] = value;
    points.set(atMs, point);
    if (value !== null) nodes.add(bucket.node);
  }
  return { nodes: [...nodes].sort(), points: [...points.values()] };
}

/** What each node told last. */
export function newestOf(
  figures: Figures,
): { node: string; atMs: number; values: Partial<Record<Metric, number>> }[] {
  const newest = new Map<string, Figures['buckets'][number]>();
  for (const bucket of figures.buckets) newest.set(bucket.node, bucket);
  return [...newest.values()]
    .sort((one, other) => one.node.localeCompare(other.node))
    .map(({ node, at, mean }) => ({
      ...{ node, atMs: Date.parse(at) },
      values: Object.fromEntries(
        figures.names.flatMap((name, position) => {
          const value = mean[position];
          return value === null || value === undefined ? [] : [[name, value]];
        }),
      ),
    }));
}
