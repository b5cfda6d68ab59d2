import { classes } from '@quantadb/ui/primitives/classes';
import { SelectField, TextField } from '@quantadb/ui/primitives/field';
import { everyWords, type When } from './when.ts';

const weekdays: [number, string][] = [
  ...([
    [1, 'Mon'],
    [2, 'Tue'],
    [3, 'Wed'],
    [4, 'Thu'],
    [5, 'Fri'],
    [6, 'Sat'],
    [0, 'Sun'],
  ] as [number, string][]),
];

/** When something comes again, and by whose clocks. */
export function WhenFields({ when, onChange }: { when: When; onChange(when: When): void }) {
  const { every } = when;
  return (
    <>
      <SelectField
        label="How often"
        value={every}
        onChange={(event) => onChange({ ...when, every: event.target.value as When['every'] })}
      >
        {Object.entries(everyWords).map(([value, words]) => (
          <option key={value} value={value}>
            {words}
          </option>
        ))}
      </SelectField>
      {every === 'cron' ? (
        <TextField
          label="Pattern"
          value={when.cron}
          placeholder="30 1 * * 0"
          hint="Minute, hour, day, month, day of the week."
          onChange={(event) => onChange({ ...when, cron: event.target.value })}
        />
      ) : (
        <TextField
          label={every === 'hour' ? 'At the minute of' : 'At'}
          type="time"
          value={when.time}
          onChange={(event) => onChange({ ...when, time: event.target.value || '00:00' })}
        />
      )}
      {every === 'week' ? <Weekdays when={when} onChange={onChange} /> : null}
      {every === 'month' ? (
        <TextField
          label="Day of the month"
          type="number"
          min={1}
          max={31}
          value={String(when.dayOfMonth)}
          onChange={(event) => onChange({ ...when, dayOfMonth: Number(event.target.value) || 1 })}
        />
      ) : null}
      <TextField
        label="Time zone"
        list="time-zones"
        value={when.timeZone}
        onChange={(event) => onChange({ ...when, timeZone: event.target.value })}
      />
    </>
  );
}

function Weekdays({ when, onChange }: { when: When; onChange(when: When): void }) {
  const toggle = (day: number) => {
    const isOn = when.weekdays.includes(day);
    const rest = when.weekdays.filter((each) => each !== day);
    // One day at least: a schedule that never comes is none.
    if (isOn && rest.length === 0) return;
    onChange({ ...when, weekdays: isOn ? rest : [...rest, day] });
  };
  return (
    <fieldset className="flex flex-col gap-1">
      <legend className="font-medium text-ink-soft text-xs">Days</legend>
      <div className="mt-1 flex flex-wrap gap-1">
        {weekdays.map(([day, name]) => (
          <button
            key={day}
            type="button"
            aria-pressed={when.weekdays.includes(day)}
            onClick={() => toggle(day)}
            className={classes(
              'min-h-8 rounded-md border px-2 text-xs',
              when.weekdays.includes(day)
                ? 'border-accent bg-accent-soft font-medium text-accent'
                : 'border-line-strong text-ink-soft',
            )}
          >
            {name}
          </button>
        ))}
      </div>
    </fieldset>
  );
}
