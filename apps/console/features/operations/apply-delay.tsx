'use client';

import { SelectField } from '@quantadb/ui/primitives/field';
import type { Intent } from './intent.ts';

const hourMs = 3_600_000;

/** By how much a standby is kept behind; the command takes any other time too. */
export function ApplyDelay({ intent, onChange }: { intent: Intent; onChange(intent: Intent): void }) {
  if (intent.kind !== 'set-node' || !intent.change.applyDelayMs) return null;
  const choose = (text: string) =>
    onChange({ ...intent, change: { ...intent.change, applyDelayMs: Number(text) } });
  return (
    <SelectField
      label="Shows everything later by"
      value={String(intent.change.applyDelayMs)}
      onChange={(event) => choose(event.target.value)}
    >
      <option value={hourMs / 4}>15 minutes</option>
      <option value={hourMs}>1 hour</option>
      <option value={hourMs * 6}>6 hours</option>
      <option value={hourMs * 24}>1 day</option>
      <option value={hourMs * 168}>7 days</option>
    </SelectField>
  );
}
