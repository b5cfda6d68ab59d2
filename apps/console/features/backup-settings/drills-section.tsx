import { Button } from '@quantadb/ui/primitives/button';
import { CheckField, TextField } from '@quantadb/ui/primitives/field';
import { Panel } from '@quantadb/ui/primitives/panel';
import type { Draft } from './draft.ts';
import { Preview } from './schedules-section.tsx';
import { cronOf } from './when.ts';
import { WhenFields } from './when-fields.tsx';

interface SectionProps {
  clusterId: string;
  draft: Draft;
  onChange(changes: Partial<Draft>): void;
}

/** Restores that prove the backups: when, and what has to be true of the copy. */
export function DrillsSection({ clusterId, draft, onChange }: SectionProps) {
  const { hasDrills, drillWhen, checks } = draft;
  const replace = (at: number, next: Draft['checks'][number] | null) =>
    onChange({ checks: checks.flatMap((each, index) => (index === at ? (next ? [next] : []) : [each])) });
  const drill = {
    ...{ id: 'drills', type: 'incr' as const, cron: cronOf(drillWhen), timeZone: drillWhen.timeZone },
    ...{ jitterMinutes: 0, window: null, enabled: true },
  };
  return (
    <Panel title="Restore drills">
      <CheckField
        label="Restore the newest moment into a scratch server, and check it"
        hint="It needs room for a copy on one of the hosts. Every table and index is read by pg_amcheck."
        checked={hasDrills}
        onChange={(event) => onChange({ hasDrills: event.target.checked })}
      />
      {hasDrills ? (
        <div className="mt-3 flex flex-col gap-3">
          <div className="grid items-start gap-3 sm:grid-cols-2 lg:grid-cols-4">
            <WhenFields when={drillWhen} onChange={(next) => onChange({ drillWhen: next })} />
          </div>
          <Preview clusterId={clusterId} schedules={[drill]} />
          {checks.map(({ database, sql }, at) => (
            <fieldset
              // biome-ignore lint/suspicious/noArrayIndexKey: checks have no name, and stay where they are
              key={at}
              aria-label={`Check ${at + 1}`}
              className="grid items-end gap-2 sm:grid-cols-[12rem_minmax(0,1fr)_auto]"
            >
              <TextField
                label="Database"
                value={database}
                onChange={(event) => replace(at, { database: event.target.value, sql })}
              />
              <TextField
                label="Must answer true"
                value={sql}
                placeholder="SELECT count(*) > 0 FROM orders"
                onChange={(event) => replace(at, { database, sql: event.target.value })}
              />
              <Button tone="quiet" aria-label={`Remove check ${at + 1}`} onClick={() => replace(at, null)}>
                Remove
              </Button>
            </fieldset>
          ))}
          <div>
            <Button onClick={() => onChange({ checks: [...checks, { database: 'app', sql: '' }] })}>
              Add a check of the rows
            </Button>
          </div>
        </div>
      ) : null}
    </Panel>
  );
}
