import { Button } from '@quantadb/ui/primitives/button';
import { CheckField, SelectField } from '@quantadb/ui/primitives/field';
import { Panel } from '@quantadb/ui/primitives/panel';
import { useQuery } from '@tanstack/react-query';
import { useDeferredValue } from 'react';
import { useTimes } from '../../lib/time.ts';
import { problemOf, useTRPC } from '../../lib/trpc.ts';
import { NextRuns } from '../backups/schedules-panel.tsx';
import { type Draft, newSchedule, type ScheduleDraft, schedulesOf } from './draft.ts';
import { WhenFields } from './when-fields.tsx';

interface SectionProps {
  clusterId: string;
  draft: Draft;
  onChange(changes: Partial<Draft>): void;
}

/** When backups are made; below each, in words, when it will really come. */
export function SchedulesSection({ clusterId, draft, onChange }: SectionProps) {
  const { zone } = useTimes();
  const replace = (id: string, next: ScheduleDraft | null) =>
    onChange({
      schedules: draft.schedules.flatMap((each) => (each.id === id ? (next ? [next] : []) : [each])),
    });
  return (
    <Panel
      title="Schedules"
      actions={
        <Button onClick={() => onChange({ schedules: [...draft.schedules, newSchedule(draft, zone)] })}>
          Add a schedule
        </Button>
      }
    >
      {draft.schedules.length === 0 ? (
        <p className="text-ink-soft">Without a schedule backups are made by hand only.</p>
      ) : null}
      <ul className="flex flex-col gap-4">
        {draft.schedules.map((schedule) => (
          <li key={schedule.id} className="border-line border-b pb-4 last:border-b-0 last:pb-0">
            <Schedule
              clusterId={clusterId}
              schedule={schedule}
              onChange={(next) => replace(schedule.id, next)}
              onRemove={() => replace(schedule.id, null)}
            />
          </li>
        ))}
      </ul>
    </Panel>
  );
}

function Schedule({
  clusterId,
  schedule,
  onChange,
  onRemove,
}: {
  clusterId: string;
  schedule: ScheduleDraft;
  onChange(schedule: ScheduleDraft): void;
  onRemove(): void;
}) {
  return (
    <fieldset aria-label={`Schedule ${schedule.id}`} className="flex flex-col gap-2">
      <div className="grid items-start gap-3 sm:grid-cols-2 lg:grid-cols-5">
        <SelectField
          label="Kind"
          value={schedule.type}
          onChange={(event) => onChange({ ...schedule, type: event.target.value as ScheduleDraft['type'] })}
        >
          <option value="full">full</option>
          <option value="diff">differential</option>
          <option value="incr">incremental</option>
        </SelectField>
        <WhenFields when={schedule.when} onChange={(when) => onChange({ ...schedule, when })} />
      </div>
      <Preview clusterId={clusterId} schedules={schedulesOf({ schedules: [schedule] })} />
      <div className="flex flex-wrap items-center justify-between gap-2">
        <CheckField
          label="Switched on"
          checked={schedule.isEnabled}
          onChange={(event) => onChange({ ...schedule, isEnabled: event.target.checked })}
        />
        <Button tone="quiet" aria-label={`Remove schedule ${schedule.id}`} onClick={onRemove}>
          Remove
        </Button>
      </div>
    </fieldset>
  );
}

/** Asked of the server, which computes the runs as the cluster does. */
export function Preview({
  clusterId,
  schedules,
}: {
  clusterId: string;
  schedules: ReturnType<typeof schedulesOf>;
}) {
  const trpc = useTRPC();
  const asked = useDeferredValue(schedules);
  const preview = useQuery({
    ...trpc.backups.previewSchedules.queryOptions({ clusterId, schedules: asked }),
    placeholderData: (last) => last,
  });
  if (preview.error)
    return (
      <p role="alert" className="text-critical text-xs">
        {problemOf(preview.error).message}
      </p>
    );
  const [first] = preview.data ?? [];
  if (!first) return <p className="text-ink-faint text-xs">Looking at the clock…</p>;
  if (first.problem !== null)
    return (
      <p role="alert" className="text-critical text-xs">
        {first.problem}
      </p>
    );
  return (
    <div aria-live="polite">
      <p className="text-[0.8125rem]">
        {first.words}, by the clocks of {asked[0]?.timeZone}
      </p>
      <NextRuns atMs={first.nextMs} timeZone={asked[0]?.timeZone ?? 'UTC'} />
    </div>
  );
}
