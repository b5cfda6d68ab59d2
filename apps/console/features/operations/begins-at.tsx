'use client';

import { TextField } from '@quantadb/ui/primitives/field';
import { useState } from 'react';
import { useTimes } from '../../lib/time.ts';
import { readMoment } from '../../lib/zoned-time.ts';
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
  const { zone } = useTimes();
  if (!isTimed(wanted)) return null;
  const read = readMoment(text.replace('T', ' '), zone);
  const choose = (value: string) => {
    setText(value);
    const chosen = readMoment(value.replace('T', ' '), zone);
    const later = (atMs: number): Intent => {
      return { kind: 'schedule-operation', atMs, withinMinutes: 30, request: wanted };
    };
    // What cannot be read is no reason to begin at once: the plan refuses what has passed.
    onChange(value === '' ? wanted : later(chosen.ok ? chosen.atMs : 0));
  };
  return (
    <TextField
      label="Begins at"
      type="datetime-local"
      value={text}
      hint={`By the clocks of ${zone}. Empty: at once. What it takes is looked at anew by then.`}
      {...(text === '' || read.ok ? {} : { error: read.problem })}
      onChange={(event) => choose(event.target.value)}
    />
  );
}
