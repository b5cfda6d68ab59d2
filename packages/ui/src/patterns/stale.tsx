import type { ReactNode } from 'react';
import { classes } from '../primitives/classes.tsx';

export const staleAfterMs = 10_000;

/** "4 s", "3 min", "2 h", "5 d": how long ago, as short as it stays true. */
export function ageText(ageMs: number): string {
  const seconds = Math.max(0, Math.round(ageMs / 1000));
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h`;
  return `${Math.floor(seconds / 86_400)} d`;
}

/**
 * Greys out values that may no longer be true, and says how old they are. No live region: the age changes all the time, and there may
 * be many of them; a page says once, in one place, that it is no longer live.
 */
export function Stale({
  ageMs,
  afterMs = staleAfterMs,
  children,
  className,
}: {
  ageMs: number | null;
  /** For what comes less often than a status. */
  afterMs?: number;
  children: ReactNode;
  className?: string;
}) {
  const isStale = ageMs === null || ageMs > afterMs;
  return (
    <div className={className} data-stale={isStale || undefined}>
      {isStale ? (
        <p className="mb-2 inline-block rounded bg-muted-soft px-2 py-0.5 text-ink-soft text-xs">
          {ageMs === null ? 'Nothing heard yet' : `Last heard ${ageText(ageMs)} ago`}
        </p>
      ) : null}
      <div className={classes(isStale && 'grayscale')}>{children}</div>
    </div>
  );
}
