'use client';

import { Button } from '@quantadb/ui/primitives/button';
import { Dialog } from '@quantadb/ui/primitives/dialog';
import { SelectField, TextField } from '@quantadb/ui/primitives/field';
import { useState } from 'react';
import { type Overview, type Setting, whenText } from './prepare.ts';

/** A new value for one parameter. Nothing is changed by it: every node checks the value when the change is made. */
export function EditParameter({
  setting,
  overview,
  draft,
  onChange,
  onClose,
}: {
  setting: Setting;
  overview: Overview;
  draft: string | null | undefined;
  onChange(value: string | null): void;
  onClose(): void;
}) {
  const { name, description } = setting;
  const agreed = overview.agreed[name];
  // QuantaDB's own library is in the running value, and is added by itself.
  const now = name === 'shared_preload_libraries' ? '' : setting.value;
  const [value, setValue] = useState(draft ?? agreed ?? now);
  const choices = setting.type === 'bool' ? ['on', 'off'] : setting.choices;
  return (
    <Dialog
      isOpen
      onClose={onClose}
      title={name}
      description={description}
      footer={
        <>
          <Button onClick={onClose}>Cancel</Button>
          {agreed === undefined ? null : <Button onClick={() => onChange(null)}>Back to the default</Button>}
          <Button tone="primary" type="submit" form="parameter">
            Choose this value
          </Button>
        </>
      }
    >
      <form
        id="parameter"
        className="flex flex-col gap-3"
        onSubmit={(event) => {
          event.preventDefault();
          onChange(value);
        }}
      >
        {choices ? (
          <SelectField label="New value" value={value} onChange={(event) => setValue(event.target.value)}>
            {[...new Set([value, ...choices])].map((choice) => (
              <option key={choice}>{choice}</option>
            ))}
          </SelectField>
        ) : (
          <TextField
            label="New value"
            value={value}
            maxLength={1000}
            autoComplete="off"
            hint={hintOf(setting)}
            onChange={(event) => setValue(event.target.value)}
          />
        )}
        <p className="text-ink-soft text-xs">
          Now {setting.value || "''"} ({setting.source}). A new value takes effect {whenText(setting)}, on
          every node.
        </p>
      </form>
    </Dialog>
  );
}

function hintOf({ unit, range }: Setting): string {
  const inUnit = unit ? `Without a unit it counts in ${unit}. ` : '';
  return range ? `${inUnit}From ${range.min} to ${range.max}${unit ? ` × ${unit}` : ''}.` : inUnit;
}
