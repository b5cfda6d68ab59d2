'use client';

import { Bar, BarChart, CartesianGrid, ResponsiveContainer, Tooltip, XAxis, YAxis } from 'recharts';
import { seriesColour, tickLook, tooltipLook } from './look.ts';

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

/** What something took, part upon part, one bar each time; without animation. */
export function StackedBars({ label, bars, parts, format, heightPx = 180 }: StackedBarsProps) {
  return (
    <figure aria-label={label} className="min-w-0">
      <h3 className="mb-1 font-medium text-ink-soft text-xs">{label}</h3>
      <ResponsiveContainer width="100%" height={heightPx}>
        <BarChart data={bars} margin={{ top: 8, right: 12, bottom: 0, left: 0 }} accessibilityLayer>
          <CartesianGrid stroke="var(--line)" vertical={false} />
          <XAxis dataKey="name" tick={tickLook} stroke="var(--line-strong)" minTickGap={24} />
          <YAxis tickFormatter={format} width={68} tick={tickLook} stroke="var(--line-strong)" />
          <Tooltip
            isAnimationActive={false}
            cursor={{ fill: 'var(--muted-soft)' }}
            formatter={(value) => format(Number(value))}
            contentStyle={tooltipLook}
          />
          {parts.map((part, index) => (
            <Bar
              key={part}
              dataKey={part}
              stackId="all"
              fill={seriesColour(index)}
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
              style={{ background: seriesColour(index) }}
            />
            {part}
          </span>
        ))}
      </figcaption>
    </figure>
  );
}
