import type { ReactNode } from 'react';
import { Button } from '../primitives/button.tsx';

/** What stands where data would be. Every list and chart has all three. */

export function Loading({ label, rows = 3 }: { label: string; rows?: number }) {
  return (
    <div role="status" aria-label={label} className="flex flex-col gap-2 p-4">
      {Array.from({ length: rows }, (_, row) => (
        <div
          key={`row-${row.toString()}`}
          className="h-4 animate-pulse rounded bg-muted-soft"
          style={{ width: `${90 - row * 14}%` }}
        />
      ))}
    </div>
  );
}

export function Empty({ title, children }: { title: string; children?: ReactNode }) {
  return (
    <div className="flex flex-col items-center gap-2 px-6 py-10 text-center">
      <p className="font-medium">{title}</p>
      {children ? <div className="max-w-prose text-ink-soft">{children}</div> : null}
    </div>
  );
}

export function Failed({
  message,
  hint,
  onRetry,
}: {
  message: string;
  hint?: string | null;
  onRetry?: () => void;
}) {
  return (
    <div
      role="alert"
      className="m-4 flex flex-col items-start gap-2 rounded-md border border-critical bg-critical-soft p-3 text-critical"
    >
      <p className="font-medium">{message}</p>
      {hint ? <p>{hint}</p> : null}
      {onRetry ? <Button onClick={onRetry}>Try again</Button> : null}
    </div>
  );
}
