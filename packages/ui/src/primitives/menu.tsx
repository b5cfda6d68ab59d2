import { DropdownMenu as Radix } from 'radix-ui';
import { type ReactNode, useRef } from 'react';
import { classes } from './classes.tsx';

export interface MenuItem {
  label: string;
  onSelect(): void;
  isDanger?: boolean;
  /** Why it cannot be chosen now; null when it can. */
  disabledBecause?: string | null;
}

/** What was chosen happens once the focus is back on the trigger, so that a dialog that it opens gives it back to there. */
export function Menu({ trigger, items }: { trigger: ReactNode; items: MenuItem[] }) {
  const triggerRef = useRef<HTMLButtonElement>(null);
  const chosen = useRef<MenuItem | null>(null);
  const close = (event: Event) => {
    event.preventDefault();
    triggerRef.current?.focus();
    const item = chosen.current;
    chosen.current = null;
    item?.onSelect();
  };
  return (
    <Radix.Root>
      <Radix.Trigger asChild ref={triggerRef}>
        {trigger}
      </Radix.Trigger>
      <Radix.Portal>
        <Radix.Content
          align="end"
          sideOffset={4}
          onCloseAutoFocus={close}
          className="z-50 min-w-52 rounded-lg border border-line bg-raised p-1 shadow-lg"
        >
          {items.map((item) => (
            <Radix.Item
              key={item.label}
              disabled={Boolean(item.disabledBecause)}
              onSelect={() => {
                chosen.current = item;
              }}
              className={classes(
                'cursor-default select-none rounded-md px-2.5 py-1.5 text-[0.8125rem] -outline-offset-2 data-[disabled]:opacity-60 data-[highlighted]:bg-muted-soft',
                item.isDanger && 'text-critical',
              )}
            >
              {item.label}
              {item.disabledBecause ? (
                <span className="block text-ink-faint text-xs">{item.disabledBecause}</span>
              ) : null}
            </Radix.Item>
          ))}
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  );
}
