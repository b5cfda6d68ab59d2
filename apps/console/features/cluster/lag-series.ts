import type { AppRouter } from '@quantadb/api/client-types';
import type { SeriesPoint } from '@quantadb/ui/charts/time-series';
import type { inferRouterOutputs } from '@trpc/server';
import type { Heard } from '../../lib/live.tsx';

type Bucket = inferRouterOutputs<AppRouter>['clusters']['lag'][number];

export interface LagSample {
  atMs: number;
  node: string;
  lagBytes: number | null;
  lagMs: number | null;
}

export interface LagSeries {
  names: string[];
  bytes: SeriesPoint[];
  milliseconds: SeriesPoint[];
}

/** What is stored continues it long before. */
const keptMs = 20 * 60_000;
/** One sample per second and standby. */
const samplesMax = 1200 * 8;

export function appendSample(before: LagSample[], heard: Heard): LagSample[] {
  const atMs = Math.round(heard.heardAtMs / 1000) * 1000;
  const fresh = heard.status.nodes
    .filter((node) => node.role === 'standby')
    .map((node) => ({ atMs, node: node.name, lagBytes: node.lagBytes, lagMs: node.lagMs }));
  const kept = before.filter((sample) => sample.atMs > atMs - keptMs);
  return [...kept, ...fresh].slice(-samplesMax);
}

/** Stored buckets, continued by live samples where they end (pure). */
export function seriesOf(stored: Bucket[], live: LagSample[], range: { fromMs: number }): LagSeries {
  const storedSamples = stored.map(({ at, ...bucket }) => ({ ...bucket, atMs: Date.parse(at) }));
  const storedToMs = storedSamples.at(-1)?.atMs ?? 0;
  const samples = [...storedSamples, ...live.filter((sample) => sample.atMs > storedToMs)].filter(
    (sample) => sample.atMs >= range.fromMs,
  );
  const names = [...new Set(samples.map((sample) => sample.node))].sort();
  return {
    names,
    bytes: pointsOf(samples, (sample) => sample.lagBytes),
    milliseconds: pointsOf(samples, (sample) => sample.lagMs),
  };
}

function pointsOf(samples: LagSample[], value: (sample: LagSample) => number | null): SeriesPoint[] {
  const points = new Map<number, SeriesPoint>();
  for (const sample of samples) {
    const point = points.get(sample.atMs) ?? { atMs: sample.atMs };
    point[sample.node] = value(sample);
    points.set(sample.atMs, point);
  }
  return [...points.values()].sort((left, right) => left.atMs - right.atMs);
}
