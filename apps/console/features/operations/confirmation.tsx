import { SelectField, TextField } from '@quantadb/ui/primitives/field';
import type { Intent } from './intent.ts';

/** What cannot be taken back is confirmed by typing the cluster's name. Empty: nothing has to be typed. */
export function wordToType(intent: Intent, clusterName: string | undefined): string {
  return isFinal(intent) ? (clusterName ?? '') : '';
}

/** With the name that confirms it, where the cluster itself checks that. */
export function confirmedBy(intent: Intent, word: string): Intent {
  return intent.kind === 'restore-in-place' ? { ...intent, confirm: word } : intent;
}

type FinalIntent = Extract<Intent, { kind: 'promote-cluster' | 'restore-in-place' }>;

function isFinal(intent: Intent): intent is FinalIntent {
  return intent.kind === 'promote-cluster' || intent.kind === 'restore-in-place';
}

const insistence: Record<FinalIntent['kind'], { label: string; no: string; yes: string }> = {
  'promote-cluster': {
    label: 'When the source takes writes, or a node that may hold more cannot be asked',
    no: 'do not promote',
    yes: 'promote all the same: what the others take or hold is not here',
  },
  'restore-in-place': {
    label: 'When the repository could not give back what is given up',
    no: 'do not restore',
    yes: 'restore all the same: the data kept on the primary’s disk is the only way back',
  },
};

export function Confirmation({
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
  if (!isFinal(intent)) return null;
  const { label, no, yes } = insistence[intent.kind];
  return (
    <>
      <SelectField
        label={label}
        value={String(intent.insist ?? false)}
        onChange={(event) => onChange({ ...intent, insist: event.target.value === 'true' })}
      >
        <option value="false">{no}</option>
        <option value="true">{yes}</option>
      </SelectField>
      <TextField
        label={`Type ${word} to confirm`}
        value={typed}
        autoComplete="off"
        spellCheck={false}
        onChange={(event) => onType(event.target.value)}
      />
    </>
  );
}
