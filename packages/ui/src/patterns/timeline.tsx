import type { ReactNode } from 'react';
import { Mark, type Tone } from './status.tsx';

export interface TimelineItem {
  key: string;
  tone: Tone;
  title: string;
  detail?: ReactNode;
  /** On the right: a duration or a moment. */
  aside?: string;
}

/** Steps of an operation, or events: one below the other, joined by a line. */
export function Timeline({ label, items }: { label: string; items: TimelineItem[] }) {
  return (
    <ol aria-label={label} className="flex flex-col">
      {items.map((item, index) => (
        <li key={item.key} className="relative flex gap-3 pb-4 last:pb-0">
          {index < items.length - 1 ? (
            <span aria-hidden className="absolute top-4 bottom-0 left-[5px] w-px bg-line" />
          ) : null}
          <span className="z-10 mt-1 bg-surface">
            <Mark tone={item.tone} />
          </span>
          <div className="min-w-0 flex-1">
            <div className="flex flex-wrap items-baseline justify-between gap-x-3">
              <p className="font-medium text-[0.8125rem]">{item.title}</p>
              {item.aside ? <span className="text-ink-faint text-xs tabular-nums">{item.aside}</span> : null}
            </div>
            {item.detail ? <div className="text-ink-soft text-xs">{item.detail}</div> : null}
          </div>
        </li>
      ))}
    </ol>
  );
}
