import { classes } from '@quantadb/ui/primitives/classes';

/** Which stretch of time is drawn. */
export function RangePicker<Name extends string>({
  names,
  range,
  onPick,
}: {
  names: readonly Name[];
  range: Name;
  onPick(range: Name): void;
}) {
  return (
    <fieldset aria-label="Time range" className="flex rounded-md border border-line-strong">
      {names.map((name) => (
        <button
          key={name}
          type="button"
          aria-pressed={name === range}
          onClick={() => onPick(name)}
          className={classes(
            'px-2.5 py-1 text-xs first:rounded-l-md last:rounded-r-md',
            name === range ? 'bg-accent-soft font-medium text-accent' : 'text-ink-soft hover:bg-muted-soft',
          )}
        >
          {name}
        </button>
      ))}
    </fieldset>
  );
}
