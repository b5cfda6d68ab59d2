import { X } from 'lucide-react';
import { Dialog as Radix } from 'radix-ui';
import { type ReactNode, useRef } from 'react';

export interface DialogProps {
  isOpen: boolean;
  onClose(): void;
  title: string;
  description?: ReactNode;
  children: ReactNode;
  footer?: ReactNode;
}

const fields = 'input:not([disabled]), select:not([disabled]), textarea:not([disabled])';

/** Back to where the dialog was opened from; that may be gone by now, with the row that it stood in. */
function giveFocusBack(opener: Element | null): void {
  if (opener instanceof HTMLElement && opener.isConnected) opener.focus();
  if (document.activeElement === document.body) document.querySelector('main')?.focus();
}

export function Dialog({ isOpen, onClose, title, description, children, footer }: DialogProps) {
  const content = useRef<HTMLDivElement>(null);
  const body = useRef<HTMLDivElement>(null);
  const opener = useRef<Element | null>(null);
  // Where something is to be entered, and not on the button that closes it, which comes first.
  const focusFirst = (event: Event) => {
    event.preventDefault();
    opener.current = document.activeElement;
    (body.current?.querySelector<HTMLElement>(fields) ?? content.current)?.focus();
  };
  return (
    <Radix.Root open={isOpen} onOpenChange={(next) => (next ? undefined : onClose())}>
      <Radix.Portal>
        <Radix.Overlay className="fixed inset-0 z-40 bg-black/50" />
        <Radix.Content
          ref={content}
          onOpenAutoFocus={focusFirst}
          onCloseAutoFocus={(event) => {
            // Radix knows only of triggers of its own.
            event.preventDefault();
            giveFocusBack(opener.current);
          }}
          aria-describedby={description ? undefined : ''}
          className="fixed inset-x-0 bottom-0 z-50 flex max-h-[92dvh] flex-col rounded-t-xl border border-line bg-raised shadow-xl sm:inset-auto sm:top-1/2 sm:left-1/2 sm:w-[34rem] sm:max-w-[calc(100vw-2rem)] sm:-translate-x-1/2 sm:-translate-y-1/2 sm:rounded-xl"
        >
          <div className="flex items-start justify-between gap-4 border-line border-b px-5 py-3.5">
            <div>
              <Radix.Title className="font-semibold text-base">{title}</Radix.Title>
              {description ? (
                <Radix.Description className="mt-0.5 text-ink-soft">{description}</Radix.Description>
              ) : null}
            </div>
            <Radix.Close className="rounded-md p-1 text-ink-faint hover:bg-muted-soft" aria-label="Close">
              <X size={16} aria-hidden />
            </Radix.Close>
          </div>
          <div ref={body} className="min-h-0 flex-1 overflow-y-auto px-5 py-4">
            {children}
          </div>
          {footer ? (
            <div className="flex flex-wrap justify-end gap-2 border-line border-t px-5 py-3">{footer}</div>
          ) : null}
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  );
}
