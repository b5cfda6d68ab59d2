'use client';

import type { ClusterStatus } from '@quantadb/api/client-types';
import { Button } from '@quantadb/ui/primitives/button';
import { Panel } from '@quantadb/ui/primitives/panel';
import { useTimes } from '../../lib/time.ts';
import { type Intent, titleOf } from '../operations/intent.ts';
import { useMay } from '../shell/me.ts';

/** What begins by itself later: nobody should be surprised by it. */
export function Scheduled({
  entries,
  onChoose,
}: {
  entries: ClusterStatus['scheduled'];
  onChoose(intent: Intent): void;
}) {
  const times = useTimes();
  const may = useMay();
  if (entries.length === 0) return null;
  return (
    <Panel title="Scheduled">
      <ul className="flex flex-col gap-2">
        {entries.map(({ id, atMs, withinMinutes, request, requestedBy, reason }) => (
          <li key={id} className="flex flex-wrap items-center justify-between gap-2">
            <div className="min-w-0">
              <p>
                <time dateTime={new Date(atMs).toISOString()}>{times.moment(atMs)}</time>
                {' · '}
                {titleOf(request)}
              </p>
              <p className="text-ink-faint text-xs">
                {[`by ${requestedBy}`, reason, `given up ${withinMinutes} minutes after its time`]
                  .filter((text) => text !== '')
                  .join(' · ')}
              </p>
            </div>
            {may.operate ? (
              <Button tone="quiet" onClick={() => onChoose({ kind: 'unschedule-operation', id })}>
                Take back…
              </Button>
            ) : null}
          </li>
        ))}
      </ul>
    </Panel>
  );
}
