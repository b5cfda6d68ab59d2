'use client';

import { CartesianGrid, Line, LineChart, ResponsiveContainer, Tooltip, XAxis, YAxis } from 'recharts';
import { withGaps } from './gaps.ts';
import { seriesColour, tickLook, tooltipLook } from './look.ts';
import { ticksUpTo } from './ticks.ts';

export interface SeriesPoint {
  atMs: number;
  [series: string]: number | null;
}

export interface TimeSeriesProps {
  /** Above the picture, and said to a screen reader in its place. */
  label: string;
  points: SeriesPoint[];
  series: string[];
  format(value: number | null): string;
  fromMs: number;
  toMs: number;
  /** Axis and tooltip agree on the time zone, because both ask here. */
  timeText(atMs: number): string;
  heightPx?: number;
  /** The top of the scale while every value is below it, so that noise near zero does not look like a mountain. */
  topMin: number;
}

/** At most eight lines of a few hundred points, without animation: calm while it moves. */
export function TimeSeries({
  label,
  points,
  series,
  format,
  fromMs,
  toMs,
  timeText,
  heightPx = 180,
  topMin,
}: TimeSeriesProps) {
  const highest = points.reduce(
    (last, point) => series.reduce((max, name) => Math.max(max, point[name] ?? 0), last),
    topMin,
  );
  // What counts bytes says so itself: "1 B", "1 B/s".
  const ticks = ticksUpTo(highest, /\bB(\/s)?$/.test(format(1)));
  return (
    <figure aria-label={label} className="min-w-0">
      <h3 className="mb-1 font-medium text-ink-soft text-xs">{label}</h3>
      <ResponsiveContainer width="100%" height={heightPx}>
        <LineChart
          data={withGaps(points)}
          margin={{ top: 8, right: 12, bottom: 0, left: 0 }}
          accessibilityLayer
        >
          <CartesianGrid stroke="var(--line)" vertical={false} />
          <XAxis
            dataKey="atMs"
            type="number"
            domain={[fromMs, toMs]}
            allowDataOverflow
            tickFormatter={timeText}
            tick={tickLook}
            stroke="var(--line-strong)"
            minTickGap={48}
          />
          <YAxis
            tickFormatter={format}
            width={76}
            tick={tickLook}
            stroke="var(--line-strong)"
            ticks={ticks}
            domain={[0, ticks.at(-1) ?? 1]}
          />
          <Tooltip
            isAnimationActive={false}
            labelFormatter={(value) => timeText(Number(value))}
            formatter={(value) => format(value === null || value === undefined ? null : Number(value))}
            contentStyle={tooltipLook}
          />
          {series.map((name, index) => (
            <Line
              key={name}
              dataKey={name}
              name={name}
              stroke={seriesColour(index)}
              strokeWidth={1.75}
              dot={false}
              isAnimationActive={false}
              connectNulls={false}
              type="linear"
            />
          ))}
        </LineChart>
      </ResponsiveContainer>
      <Legend series={series} newest={points.slice(-newestOf)} format={format} />
    </figure>
  );
}

/** Nodes tell their figures one after the other: the newest point alone may have those of one only. */
const newestOf = 3;

/** The lines' names with their newest values. */
function Legend({
  series,
  newest,
  format,
}: Pick<TimeSeriesProps, 'series' | 'format'> & { newest: SeriesPoint[] }) {
  const newestIn = (name: string) =>
    newest.findLast((point) => (point[name] ?? null) !== null)?.[name] ?? null;
  return (
    <figcaption className="flex flex-wrap gap-x-4 gap-y-1 px-2 text-ink-soft text-xs">
      {series.map((name, index) => (
        <span key={name} className="inline-flex items-center gap-1.5">
          <span aria-hidden className="inline-block h-0.5 w-4" style={{ background: seriesColour(index) }} />
          {name}
          <span className="tabular-nums">{format(newestIn(name))}</span>
        </span>
      ))}
    </figcaption>
  );
}
