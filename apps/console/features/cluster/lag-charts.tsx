'use client';

import { TimeSeries } from '@quantadb/ui/charts/time-series';
import { bytesText, durationText } from '@quantadb/ui/charts/units';
import { Empty, Failed, Loading } from '@quantadb/ui/patterns/states';
import { Panel } from '@quantadb/ui/primitives/panel';
import { useQuery } from '@tanstack/react-query';
import { parseAsStringLiteral, useQueryState } from 'nuqs';
import { useEffect, useMemo, useRef, useState } from 'react';
import { useCluster, useNow } from '../../lib/live.tsx';
import { useTimes } from '../../lib/time.ts';
import { problemOf, spanKeptMs, useTRPC } from '../../lib/trpc.ts';
import { RangePicker } from '../shell/range-picker.tsx';
import { appendSample, type LagSample, type LagSeries, seriesOf } from './lag-series.ts';

const ranges = { '5m': 5 * 60_000, '1h': 3_600_000, '24h': 24 * 3_600_000 } as const;
type Range = keyof typeof ranges;
const rangeNames = Object.keys(ranges) as Range[];
const tickMs = 1000;
const bytesTopMin = 64 * 1024;
const timeTopMinMs = 1000;
/** Wider ranges are server buckets that are fetched again; the narrow one grows by what comes in live. */
const refetchMs: Record<Range, number> = { '5m': 60_000, '1h': 15_000, '24h': 60_000 };

/** Replication lag per standby, in bytes and in time: stored history, continued live. */
export function LagCharts({ clusterId }: { clusterId: string }) {
  const trpc = useTRPC();
  const times = useTimes();
  const [range, setRange] = useQueryState('range', parseAsStringLiteral(rangeNames).withDefault('5m'));
  const nowMs = useNow(tickMs);
  const toMs = nowMs;
  const fromMs = toMs - ranges[range];
  // The key changes with the range only; the moments in it are taken when it is fetched.
  const [fetchedAtMs, setFetchedAtMs] = useState(() => Date.now());
  useEffect(() => {
    setFetchedAtMs(Date.now());
    const timer = setInterval(() => setFetchedAtMs(Date.now()), refetchMs[range]);
    return () => clearInterval(timer);
  }, [range]);
  const input = {
    clusterId,
    from: new Date(fetchedAtMs - ranges[range]).toISOString(),
    to: new Date(fetchedAtMs).toISOString(),
  };
  const stored = useQuery({
    ...trpc.clusters.lag.queryOptions(input),
    gcTime: spanKeptMs,
    placeholderData: (last) => last,
  });
  const live = useLiveSamples(clusterId);
  const series: LagSeries = useMemo(
    () => seriesOf(stored.data ?? [], live, { fromMs }),
    [stored.data, live, fromMs],
  );
  const shared = { series: series.names, fromMs, toMs, timeText: times.clock };
  const isEmpty = series.names.length === 0;
  return (
    <Panel
      title="Replication lag"
      actions={<RangePicker names={rangeNames} range={range} onPick={(next) => void setRange(next)} />}
    >
      {stored.isPending && isEmpty ? <Loading label="Loading lag history" /> : null}
      {stored.error && isEmpty ? (
        <Failed {...problemOf(stored.error)} onRetry={() => void stored.refetch()} />
      ) : null}
      {isEmpty && stored.data ? <Empty title="No standby has reported in this time" /> : null}
      {isEmpty ? null : (
        <div className="grid gap-6 lg:grid-cols-2">
          <TimeSeries
            label="WAL not yet replayed"
            points={series.bytes}
            format={bytesText}
            topMin={bytesTopMin}
            {...shared}
          />
          <TimeSeries
            label="Time behind the primary"
            points={series.milliseconds}
            format={durationText}
            topMin={timeTopMinMs}
            {...shared}
          />
        </div>
      )}
    </Panel>
  );
}

/** One sample per second and standby, from what the live connection brings. */
function useLiveSamples(clusterId: string): LagSample[] {
  const { heard } = useCluster(clusterId);
  const [samples, setSamples] = useState<LagSample[]>([]);
  const lastMs = useRef(0);
  useEffect(() => {
    if (!heard || heard.heardAtMs <= lastMs.current) return;
    lastMs.current = heard.heardAtMs;
    setSamples((before) => appendSample(before, heard));
  }, [heard]);
  return samples;
}
