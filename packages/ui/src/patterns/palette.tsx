import { Command } from 'cmdk';

export interface PaletteItem {
  /** Also what the search looks at, beside the words. */
  key: string;
  group: string;
  label: string;
  /** On the right: where it leads. */
  hint?: string;
  onSelect(): void;
}

/** Everything that can be gone to or done, found by typing. */
export function Palette({
  isOpen,
  onClose,
  items,
}: {
  isOpen: boolean;
  onClose(): void;
  items: PaletteItem[];
}) {
  const groups = [...new Set(items.map(({ group }) => group))];
  return (
    <Command.Dialog
      open={isOpen}
      onOpenChange={(next) => (next ? undefined : onClose())}
      label="Go to, or do"
      loop
      overlayClassName="fixed inset-0 z-40 bg-black/50"
      contentClassName="fixed inset-x-2 top-[12vh] z-50 mx-auto max-w-xl overflow-hidden rounded-xl border border-line bg-raised shadow-xl"
    >
      <Command.Input
        placeholder="Go to a page, cluster or node…"
        className="w-full border-line border-b bg-transparent px-4 py-3 outline-none placeholder:text-ink-faint"
      />
      <Command.List className="max-h-[50vh] overflow-y-auto p-1.5">
        <Command.Empty className="px-3 py-6 text-center text-ink-soft">Nothing is called that.</Command.Empty>
        {groups.map((group) => (
          <Command.Group
            key={group}
            heading={group}
            className="[&_[cmdk-group-heading]]:px-2.5 [&_[cmdk-group-heading]]:py-1 [&_[cmdk-group-heading]]:text-ink-faint [&_[cmdk-group-heading]]:text-xs"
          >
            {items
              .filter((item) => item.group === group)
              .map((item) => (
                <Command.Item
                  key={item.key}
                  value={item.key}
                  keywords={[item.label, item.group, item.hint ?? '']}
                  onSelect={() => {
                    onClose();
                    item.onSelect();
                  }}
                  className="flex cursor-default select-none items-center justify-between gap-3 rounded-md px-2.5 py-1.5 text-[0.8125rem] data-[selected=true]:bg-muted-soft"
                >
                  {item.label}
                  {item.hint ? <span className="text-ink-faint text-xs">{item.hint}</span> : null}
                </Command.Item>
              ))}
          </Command.Group>
        ))}
      </Command.List>
    </Command.Dialog>
  );
}
