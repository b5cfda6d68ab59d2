import { classes } from '../primitives/classes.tsx';

/** How bad it is. Never colour alone: every tone has a shape, and the text says it in words. */
export type Tone = 'good' | 'warning' | 'critical' | 'working' | 'muted';

const inks: Record<Tone, string> = {
  good: 'text-good',
  warning: 'text-warning',
  critical: 'text-critical',
  working: 'text-accent',
  muted: 'text-ink-faint',
};

const fills: Record<Tone, string> = {
  good: 'bg-good-soft text-good',
  warning: 'bg-warning-soft text-warning',
  critical: 'bg-critical-soft text-critical',
  working: 'bg-accent-soft text-accent',
  muted: 'bg-muted-soft text-ink-soft',
};

export function Mark({ tone }: { tone: Tone }) {
  return (
    <svg aria-hidden width="10" height="10" viewBox="0 0 10 10" className={classes('shrink-0', inks[tone])}>
      {tone === 'good' && <circle cx="5" cy="5" r="4" fill="currentColor" />}
      {tone === 'warning' && <path d="M5 0.5 9.8 9.3H0.2Z" fill="currentColor" />}
      {tone === 'critical' && (
        <rect x="1" y="1" width="8" height="8" fill="currentColor" transform="rotate(45 5 5)" />
      )}
      {tone === 'working' && (
        <circle
          cx="5"
          cy="5"
          r="3.5"
          fill="none"
          stroke="currentColor"
          strokeWidth="2"
          strokeDasharray="14 8"
        />
      )}
      {tone === 'muted' && (
        <circle cx="5" cy="5" r="3.5" fill="none" stroke="currentColor" strokeWidth="1.5" />
      )}
    </svg>
  );
}

export function Status({ tone, children }: { tone: Tone; children: string }) {
  return (
    <span className="inline-flex items-center gap-1.5">
      <Mark tone={tone} />
      <span>{children}</span>
    </span>
  );
}

export function Badge({ tone, children }: { tone: Tone; children: string }) {
  return (
    <span
      className={classes(
        'inline-flex items-center gap-1 whitespace-nowrap rounded px-1.5 py-0.5 font-medium text-[0.6875rem]',
        fills[tone],
      )}
    >
      {children}
    </span>
  );
}

/** How many of a kind; on a phone the shape and the number alone are seen. */
export function Count({ tone, count, of }: { tone: Tone; count: number; of: string }) {
  return (
    <span
      className={classes(
        'inline-flex items-center gap-1 whitespace-nowrap rounded px-1.5 py-0.5 font-medium text-[0.6875rem]',
        fills[tone],
      )}
    >
      <span className="sm:hidden">
        <Mark tone={tone} />
      </span>
      {count}
      <span className="max-sm:sr-only"> {of}</span>
    </span>
  );
}
