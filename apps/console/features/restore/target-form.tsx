import { Button } from '@quantadb/ui/primitives/button';
import { CheckField, SelectField, TextField } from '@quantadb/ui/primitives/field';
import { useEffect, useState } from 'react';
import { useTimes } from '../../lib/time.ts';
import { TimeZones } from '../../lib/time-zones.tsx';
import { momentText, readMoment } from '../../lib/zoned-time.ts';
import type { Overview, Target } from '../backups/prepare.ts';
import { type Draft, targetKinds, targetOf } from './target.ts';

const kindWords: Record<Draft['kind'], string> = {
  time: 'A moment',
  latest: 'Everything that has reached the repository',
  name: 'A named point',
  backup: 'The end of a backup',
  xid: 'A transaction (xid)',
  lsn: 'A position in the WAL (LSN)',
};

interface TargetFormProps {
  draft: Draft;
  overview: Overview;
  isBusy: boolean;
  onChange(draft: Draft): void;
  onAsk(target: Target): void;
}

/** What the restore is to stop at. The moment itself is shared with the line above. */
export function TargetForm({ draft, overview, isBusy, onChange, onAsk }: TargetFormProps) {
  const read = targetOf(draft);
  return (
    <form
      className="flex flex-col gap-3"
      onSubmit={(event) => {
        event.preventDefault();
        if (read.ok) onAsk(read.target);
      }}
    >
      <div className="grid gap-3 sm:grid-cols-2">
        <SelectField
          label="Restore to"
          value={draft.kind}
          onChange={(event) => onChange({ ...draft, kind: event.target.value as Draft['kind'] })}
        >
          {targetKinds.map((kind) => (
            <option key={kind} value={kind}>
              {kindWords[kind]}
            </option>
          ))}
        </SelectField>
        <TargetField draft={draft} overview={overview} onChange={onChange} />
      </div>
      {draft.kind === 'time' || draft.kind === 'lsn' || draft.kind === 'xid' ? (
        <CheckField
          label="Stop just before it"
          hint="What was committed exactly then is left out."
          checked={draft.isExclusive}
          onChange={(event) => onChange({ ...draft, isExclusive: event.target.checked })}
        />
      ) : null}
      {read.ok ? null : <p className="text-ink-soft text-xs">{read.problem}</p>}
      <div>
        <Button type="submit" tone="primary" disabled={!read.ok} isBusy={isBusy}>
          Plan the restore
        </Button>
      </div>
    </form>
  );
}

type FieldProps = Pick<TargetFormProps, 'draft' | 'overview' | 'onChange'>;

function TargetField({ draft, overview, onChange }: FieldProps) {
  switch (draft.kind) {
    case 'latest':
      return null;
    case 'time':
      return <MomentField draft={draft} onChange={onChange} />;
    case 'name':
      return (
        <SelectField
          label="Point"
          value={draft.name}
          hint={overview.points.length === 0 ? 'None was set. See: quantadb backup point <name>' : undefined}
          onChange={(event) => onChange({ ...draft, name: event.target.value })}
        >
          <option value="">choose one</option>
          {[...overview.points].reverse().map(({ name, lsn, isLost }) => (
            <option key={`${name}-${lsn}`} value={name} disabled={isLost}>
              {isLost ? `${name} (no restore leads there)` : name}
            </option>
          ))}
        </SelectField>
      );
    case 'backup':
      return (
        <SelectField
          label="Backup"
          value={draft.label}
          onChange={(event) => onChange({ ...draft, label: event.target.value })}
        >
          <option value="">choose one</option>
          {[...(overview.repository?.backups ?? [])].reverse().map(({ label, type }) => (
            <option key={label} value={label}>
              {label} ({type})
            </option>
          ))}
        </SelectField>
      );
    case 'xid':
      return (
        <TextField
          label="Transaction"
          inputMode="numeric"
          value={draft.xid}
          hint="As txid_current() and the logs show it."
          onChange={(event) => onChange({ ...draft, xid: event.target.value })}
        />
      );
    case 'lsn':
      return (
        <TextField
          label="Position"
          value={draft.lsn}
          placeholder="0/5A000028"
          onChange={(event) => onChange({ ...draft, lsn: event.target.value })}
        />
      );
  }
}

/** To the second, by the clocks of whatever place the person thinks in. */
function MomentField({ draft, onChange }: Pick<FieldProps, 'draft' | 'onChange'>) {
  const times = useTimes();
  const zone = draft.zone || times.zone;
  const [text, setText] = useState(() => momentText(draft.atMs, zone));
  const [isTyped, setIsTyped] = useState(false);
  const read = readMoment(text, zone);
  useEffect(() => {
    // Whoever types is not interrupted by the line above.
    if (!isTyped) setText(momentText(draft.atMs, zone));
  }, [draft.atMs, zone, isTyped]);
  const type = (next: string, nextZone: string) => {
    setText(next);
    const parsed = readMoment(next, nextZone);
    onChange({ ...draft, zone: nextZone, ...(parsed.ok ? { atMs: parsed.atMs } : {}) });
  };
  return (
    <div className="grid grid-cols-[minmax(0,3fr)_minmax(0,2fr)] gap-2">
      <TextField
        label="Exact time"
        value={text}
        error={read.ok ? null : read.problem}
        onFocus={() => setIsTyped(true)}
        onBlur={() => setIsTyped(false)}
        onChange={(event) => type(event.target.value, zone)}
      />
      <TextField
        label="Time zone"
        value={draft.zone || times.zone}
        list="time-zones"
        onChange={(event) => onChange({ ...draft, zone: event.target.value })}
      />
      <TimeZones />
    </div>
  );
}
