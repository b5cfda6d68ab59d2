'use client';

import { Bar, BarChart, CartesianGrid, ResponsiveContainer, Tooltip, XAxis, YAxis } from 'recharts';

export interface StackedBar {
  /** Below the bar. */
  name: string;
  [part: string]: number | string;
}

export interface StackedBarsProps {
  label: string;
  bars: StackedBar[];
  /** Keys of the bars, the lowest first. */
  parts: string[];
  format(value: number): string;
  heightPx?: number;
}

const seriesMax = 6;

/** What something took, part upon part, one bar each time; without animation. */
export function StackedBars({ label, bars, parts, format, heightPx = 180 }: StackedBarsProps) {
  return (
    <figure aria-label={label} className="min-w-0">
      <h3 className="mb-1 font-medium text-ink-soft text-xs">{label}</h3>
      <ResponsiveContainer width="100%" height={heightPx}>
        <BarChart data={bars} margin={{ top: 8, right: 12, bottom: 0, left: 0 }} accessibilityLayer>
          <CartesianGrid stroke="var(--line)" vertical={false} />
          <XAxis
            dataKey="name"
            tick={{ fill: 'var(--ink-faint)', fontSize: 11 }}
            stroke="var(--line-strong)"
            minTickGap={24}
          />
          <YAxis
            tickFormatter={format}
            width={68}
            tick={{ fill: 'var(--ink-faint)', fontSize: 11 }}
            stroke="var(--line-strong)"
          />
          <Tooltip
            isAnimationActive={false}
            cursor={{ fill: 'var(--muted-soft)' }}
            formatter={(value) => format(Number(value))}
            contentStyle={{
              background: 'var(--raised)',
              border: '1px solid var(--line)',
              borderRadius: 8,
              color: 'var(--ink)',
              fontSize: 12,
            }}
          />
          {parts.map((part, index) => (
            <Bar
              key={part}
              dataKey={part}
              stackId="all"
              fill={`var(--series-${(index % seriesMax) + 1})`}
              maxBarSize={36}
              isAnimationActive={false}
            />
          ))}
        </BarChart>
      </ResponsiveContainer>
      <figcaption className="flex flex-wrap gap-x-4 gap-y-1 px-2 text-ink-soft text-xs">
        {parts.map((part, index) => (
          <span key={part} className="inline-flex items-center gap-1.5">
            <span
              aria-hidden
              className="inline-block size-2.5 rounded-sm"
              style={{ background: `var(--series-${(index % seriesMax) + 1})` }}
            />
            {part}
          </span>
        ))}
      </figcaption>
    </figure>
  );
}
