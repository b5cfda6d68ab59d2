'use client';

import { TimeSeries } from '@quantadb/ui/charts/time-series';
import { Empty, Failed, Loading } from '@quantadb/ui/patterns/states';
import { Panel } from '@quantadb/ui/primitives/panel';
import { useQuery } from '@tanstack/react-query';
import { parseAsStringLiteral, useQueryState } from 'nuqs';
import { useCluster, useNow } from '../../lib/live.tsx';
import { useTimes } from '../../lib/time.ts';
import { problemOf, useTRPC } from '../../lib/trpc.ts';
import { RangePicker } from '../shell/range-picker.tsx';
import { type Chart, type ChartGroup, chartGroups, type Figures, linesOf } from './charts.ts';
import { NowTable } from './now-table.tsx';

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const ranges = {
  '15m': 15 * minuteMs,
  '1h': hourMs,
  '6h': 6 * hourMs,
  '24h': 24 * hourMs,
  '7d': 7 * 24 * hourMs,
  '30d': 30 * 24 * hourMs,
} as const;
const rangeNames = Object.keys(ranges) as (keyof typeof ranges)[];
/** Nodes tell every five seconds; wider ranges are made of five minutes. */
const refetchNarrowMs = 5_000;
const refetchWideMs = minuteMs;

/** What the nodes measure of themselves and their machines: now, and over time. */
export function FiguresPage({ clusterId }: { clusterId: string }) {
  const { heard } = useCluster(clusterId);
  const [range, setRange] = useQueryState('range', parseAsStringLiteral(rangeNames).withDefault('1h'));
  return (
    <>
      <div className="flex flex-wrap items-center justify-between gap-3">
        <h1 className="font-semibold text-xl">Metrics</h1>
        <RangePicker names={rangeNames} range={range} onPick={(next) => void setRange(next)} />
      </div>
      <NowTable clusterId={clusterId} nodes={heard?.status.nodes ?? null} />
      {chartGroups.map((group) => (
        <Group key={group.title} clusterId={clusterId} group={group} spanMs={ranges[range]} />
      ))}
    </>
  );
}

function Group({ clusterId, group, spanMs }: { clusterId: string; group: ChartGroup; spanMs: number }) {
  const trpc = useTRPC();
  const everyMs = spanMs <= ranges['6h'] ? refetchNarrowMs : refetchWideMs;
  // Moves in steps, so that the answer that is there is kept until there can be another one.
  const toMs = Math.ceil(useNow(1000) / everyMs) * everyMs;
  const fromMs = toMs - spanMs;
  const names = group.charts.map(({ metric }) => metric).join(',');
  const input = { clusterId, names, from: new Date(fromMs).toISOString(), to: new Date(toMs).toISOString() };
  const stored = useQuery({ ...trpc.clusters.figures.queryOptions(input), placeholderData: (last) => last });
  const { data, error } = stored;
  return (
    <Panel title={group.title}>
      {!data && !error ? <Loading label={`Loading ${group.title.toLowerCase()}`} /> : null}
      {error ? <Failed {...problemOf(error)} onRetry={() => void stored.refetch()} /> : null}
      {data?.buckets.length === 0 ? <Empty title="No node has told anything in this time" /> : null}
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
  const timeText = toMs - fromMs > ranges['24h'] ? times.moment : times.clock;
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
