'use client';

import { Button } from '@quantadb/ui/primitives/button';
import { Panel } from '@quantadb/ui/primitives/panel';
import { type Changes, needsRestart, type Overview } from './prepare.ts';

/** Changes that are chosen and not made yet: they go to the cluster together, as one operation. */
export function Drafts({
  overview,
  changes,
  onDrop,
  onReview,
}: {
  overview: Overview;
  changes: Changes;
  onDrop(name: string): void;
  onReview(): void;
}) {
  const entries = Object.entries(changes);
  if (entries.length === 0) return null;
  const restart = needsRestart(overview, changes);
  return (
    <Panel
      title="Not changed yet"
      className="border-accent"
      actions={
        <Button tone="primary" onClick={onReview}>
          {entries.length === 1 ? 'Review the change…' : `Review ${entries.length} changes…`}
        </Button>
      }
    >
      <ul className="flex flex-col gap-1 text-[0.8125rem]" aria-live="polite">
        {entries.map(([name, value]) => (
          <li key={name} className="flex flex-wrap items-center justify-between gap-2">
            <code className="min-w-0 break-all">
              {name}: {nowText(overview, name)} → {value ?? 'its default'}
            </code>
            <Button tone="quiet" aria-label={`Leave ${name} as it is`} onClick={() => onDrop(name)}>
              Leave it
            </Button>
          </li>
        ))}
      </ul>
      <p className="mt-2 text-ink-soft text-xs">
        {restart.length > 0
          ? `${restart.join(', ')}: takes effect with a restart of every node, which you start yourself afterwards.`
          : 'No restart is needed.'}
      </p>
    </Panel>
  );
}

function nowText({ settings }: Overview, name: string): string {
  const value = settings.find((setting) => setting.name === name)?.value;
  return value === undefined ? 'not known' : value || "''";
}
