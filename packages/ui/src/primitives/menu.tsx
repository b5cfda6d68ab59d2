import { DropdownMenu as Radix } from 'radix-ui';
import type { ReactNode } from 'react';
import { classes } from './classes.tsx';

export interface MenuItem {
  label: string;
  onSelect(): void;
  isDanger?: boolean;
  /** Why it cannot be chosen now; null when it can. */
  disabledBecause?: string | null;
}

export function Menu({ trigger, items }: { trigger: ReactNode; items: MenuItem[] }) {
  return (
    <Radix.Root>
      <Radix.Trigger asChild>{trigger}</Radix.Trigger>
      <Radix.Portal>
        <Radix.Content
          align="end"
          sideOffset={4}
          className="z-50 min-w-52 rounded-lg border border-line bg-raised p-1 shadow-lg"
        >
          {items.map((item) => (
            <Radix.Item
              key={item.label}
              disabled={Boolean(item.disabledBecause)}
              onSelect={item.onSelect}
              className={classes(
                'cursor-default select-none rounded-md px-2.5 py-1.5 text-[0.8125rem] outline-none data-[disabled]:opacity-60 data-[highlighted]:bg-muted-soft',
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
