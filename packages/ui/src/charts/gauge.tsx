import type { Tone } from '../patterns/status.tsx';

const strokes: Record<Tone, string> = {
  good: 'var(--good)',
  warning: 'var(--warning)',
  critical: 'var(--critical)',
  working: 'var(--accent)',
  muted: 'var(--line-strong)',
};

export interface GaugeProps {
  label: string;
  /** Null: not known. */
  value: number | null;
  max: number;
  /** Marked on the arc: up to here it is as agreed. */
  limit: number;
  tone: Tone;
  /** The value in words, in the middle. */
  text: string;
}

const radius = 44;
const arc = `M 6 50 A ${radius} ${radius} 0 0 1 94 50`;
const arcLength = Math.PI * radius;

/** How much of a limit is used up, as half a circle; beyond its end the arc is simply full. */
export function Gauge({ label, value, max, limit, tone, text }: GaugeProps) {
  const share = value === null ? 0 : Math.min(1, Math.max(0, value / max));
  const angle = Math.PI * (1 - Math.min(1, limit / max));
  const at = (distance: number) => ({
    x: 50 + distance * Math.cos(angle),
    y: 50 - distance * Math.sin(angle),
  });
  const [inner, outer] = [at(radius - 7), at(radius + 5)];
  return (
    // biome-ignore lint/a11y/useSemanticElements: a <meter> cannot hold the arc that is drawn
    <div
      role="meter"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={max}
      aria-valuenow={value === null ? 0 : Math.min(value, max)}
      aria-valuetext={text}
      className="relative w-44 shrink-0"
    >
      <svg aria-hidden viewBox="0 0 100 54" className="w-full">
        <path d={arc} fill="none" stroke="var(--muted-soft)" strokeWidth="9" strokeLinecap="round" />
        {share > 0 ? (
          <path
            d={arc}
            fill="none"
            stroke={strokes[tone]}
            strokeWidth="9"
            strokeLinecap="round"
            strokeDasharray={`${share * arcLength} ${arcLength}`}
          />
        ) : null}
        <line
          x1={inner.x}
          y1={inner.y}
          x2={outer.x}
          y2={outer.y}
          stroke="var(--ink-soft)"
          strokeWidth="1.5"
        />
      </svg>
      <p className="absolute inset-x-0 bottom-0 text-center font-semibold text-lg tabular-nums">{text}</p>
    </div>
  );
}
