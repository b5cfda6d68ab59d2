'use client';

import { TextField } from '@quantadb/ui/primitives/field';
import { useState } from 'react';
import type { Intent } from './intent.ts';

type Timed = Extract<Intent, { kind: 'schedule-operation' }>['request'];

/** As a record, so that one that is added there has to be added here. */
const timedKinds: Record<Timed['kind'], true> = {
  switchover: true,
  'restart-node': true,
  'rolling-restart': true,
  'restart-daemons': true,
  'upgrade-postgres': true,
};

function isTimed(intent: Intent): intent is Timed {
  return Object.hasOwn(timedKinds, intent.kind);
}

/** Empty: at once. The cluster keeps the time itself, so this page need not stay open. */
export function BeginsAt({ wanted, onChange }: { wanted: Intent; onChange(intent: Intent): void }) {
  const [text, setText] = useState('');
  if (!isTimed(wanted)) return null;
  const choose = (value: string) => {
    setText(value);
    const atMs = Date.parse(value);
    onChange(
      Number.isNaN(atMs) ? wanted : { kind: 'schedule-operation', atMs, withinMinutes: 30, request: wanted },
    );
  };
  return (
    <TextField
      label="Begins at"
      type="datetime-local"
      value={text}
      hint="Your time. Empty: at once. What it takes is looked at anew by then."
      onChange={(event) => choose(event.target.value)}
    />
  );
}
