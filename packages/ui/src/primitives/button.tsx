import type { ButtonHTMLAttributes, MouseEvent, ReactNode } from 'react';
import { classes } from './classes.tsx';

export type ButtonTone = 'primary' | 'plain' | 'quiet' | 'danger';

const tones: Record<ButtonTone, string> = {
  primary: 'bg-accent text-accent-ink border-accent hover:brightness-110',
  plain: 'bg-surface text-ink border-line-strong hover:bg-muted-soft',
  quiet: 'bg-transparent text-ink-soft border-transparent hover:bg-muted-soft hover:text-ink',
  danger: 'bg-surface text-critical border-critical hover:bg-critical-soft',
};

export interface ButtonProps extends ButtonHTMLAttributes<HTMLButtonElement> {
  tone?: ButtonTone;
  icon?: ReactNode;
  /** Shows that the click was taken; further ones do nothing, and the focus stays where it is. */
  isBusy?: boolean;
}

export function Button({ tone = 'plain', icon, isBusy = false, children, className, ...rest }: ButtonProps) {
  const click = (event: MouseEvent<HTMLButtonElement>) => {
    if (isBusy) event.preventDefault();
    else rest.onClick?.(event);
  };
  return (
    <button
      type="button"
      {...rest}
      onClick={click}
      aria-busy={isBusy || undefined}
      aria-disabled={isBusy || undefined}
      className={classes(
        'inline-flex min-h-8 items-center justify-center gap-1.5 whitespace-nowrap rounded-md border px-3 py-1 font-medium text-[0.8125rem] transition-colors disabled:cursor-not-allowed disabled:opacity-50 aria-disabled:cursor-not-allowed aria-disabled:opacity-50',
        tones[tone],
        className,
      )}
    >
      {icon}
      {children}
    </button>
  );
}
