'use client';

import { TimeSeries } from '@quantadb/ui/charts/time-series';
import { Empty, Failed, Loading } from '@quantadb/ui/patterns/states';
import { Panel } from '@quantadb/ui/primitives/panel';
import { useQuery } from '@tanstack/react-query';
import { useNow } from '../../lib/live.tsx';
import { useTimes } from '../../lib/time.ts';
import { problemOf, spanKeptMs, useTRPC } from '../../lib/trpc.ts';
import { type Chart, type ChartGroup, type Figures, linesOf, ofNode } from './charts.ts';

const minuteMs = 60_000;
const dayMs = 24 * 60 * minuteMs;
/** Nodes tell every five seconds; wider ranges are made of five minutes. */
const narrowMs = 6 * 60 * minuteMs;
const refetchNarrowMs = 5_000;
const refetchWideMs = minuteMs;

interface FigureGroupProps {
  clusterId: string;
  group: ChartGroup;
  spanMs: number;
  node?: string | null;
}

/** Charts that belong together, a line per node; or of one node only. */
export function FigureGroup({ clusterId, group, spanMs, node = null }: FigureGroupProps) {
  const trpc = useTRPC();
  const everyMs = spanMs <= narrowMs ? refetchNarrowMs : refetchWideMs;
  // Moves in steps, so that the answer that is there is kept until there can be another one.
  const toMs = Math.ceil(useNow(1000) / everyMs) * everyMs;
  const fromMs = toMs - spanMs;
  const names = group.charts.map(({ metric }) => metric).join(',');
  const input = { clusterId, names, from: new Date(fromMs).toISOString(), to: new Date(toMs).toISOString() };
  const stored = useQuery({
    ...trpc.clusters.figures.queryOptions(input),
    gcTime: spanKeptMs,
    placeholderData: (last) => last,
  });
  const { error } = stored;
  const data = node === null || !stored.data ? stored.data : ofNode(stored.data, node);
  return (
    <Panel title={group.title}>
      {!data && !error ? <Loading label={`Loading ${group.title.toLowerCase()}`} /> : null}
      {error ? <Failed {...problemOf(error)} onRetry={() => void stored.refetch()} /> : null}
      {data?.buckets.length === 0 ? (
        <Empty
          title={
            node === null ? 'No node has told anything in this time' : 'It has told nothing in this time'
          }
        />
      ) : null}
      {data && data.buckets.length > 0 ? (
        <div className="grid gap-x-6 gap-y-5 md:grid-cols-2 xl:grid-cols-3">
          {group.charts.map((chart) => (
            <Drawn key={chart.metric} chart={chart} figures={data} fromMs={fromMs} toMs={toMs} />
          ))}
        </div>
      ) : null}
    </Panel>
  );
}

function Drawn({
  chart,
  figures,
  fromMs,
  toMs,
}: {
  chart: Chart;
  figures: Figures;
  fromMs: number;
  toMs: number;
}) {
  const times = useTimes();
  const { nodes, points } = linesOf(figures, chart);
  const { title, format, topMin } = chart;
  const timeText = toMs - fromMs > dayMs ? times.moment : times.clock;
  return (
    <TimeSeries
      label={title}
      points={points}
      series={nodes}
      heightPx={150}
      {...{ format, topMin, fromMs, toMs, timeText }}
    />
  );
}
