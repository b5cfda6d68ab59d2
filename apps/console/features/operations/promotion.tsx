import { SelectField, TextField } from '@quantadb/ui/primitives/field';
import type { Intent } from './intent.ts';

/** What cannot be taken back is typed. Empty: nothing has to be. */
export function wordToType(intent: Intent, clusterName: string | undefined): string {
  return intent.kind === 'promote-cluster' ? (clusterName ?? '') : '';
}

export function Promotion({
  intent,
  word,
  typed,
  onChange,
  onType,
}: {
  intent: Intent;
  word: string;
  typed: string;
  onChange(intent: Intent): void;
  onType(text: string): void;
}) {
  if (intent.kind !== 'promote-cluster') return null;
  return (
    <>
      <SelectField
        label="When the source takes writes, or a node that may hold more cannot be asked"
        value={String(intent.insist ?? false)}
        onChange={(event) => onChange({ ...intent, insist: event.target.value === 'true' })}
      >
        <option value="false">do not promote</option>
        <option value="true">promote all the same: what the others take or hold is not here</option>
      </SelectField>
      <TextField
        label={`Type ${word} to confirm`}
        value={typed}
        autoComplete="off"
        onChange={(event) => onType(event.target.value)}
      />
    </>
  );
}
