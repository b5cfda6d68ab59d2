import type { ReactNode } from 'react';
import { classes } from './classes.tsx';

export interface PanelProps {
  title?: ReactNode;
  /** Beside the title, on the right. */
  actions?: ReactNode;
  children: ReactNode;
  className?: string;
  /** Without inner spacing, for tables and lists that reach the edges. */
  isFlush?: boolean;
}

export function Panel({ title, actions, children, className, isFlush = false }: PanelProps) {
  return (
    <section className={classes('min-w-0 rounded-lg border border-line bg-surface', className)}>
      {title || actions ? (
        <header className="flex min-h-11 flex-wrap items-center justify-between gap-2 border-line border-b px-4 py-1.5">
          <h2 className="font-semibold text-[0.8125rem]">{title}</h2>
          {actions ? <div className="flex items-center gap-2">{actions}</div> : null}
        </header>
      ) : null}
      <div className={isFlush ? '' : 'p-4'}>{children}</div>
    </section>
  );
}
