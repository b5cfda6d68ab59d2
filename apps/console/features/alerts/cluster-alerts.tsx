'use client';

import { Button } from '@quantadb/ui/primitives/button';
import Link from 'next/link';
import { useState } from 'react';
import { AlertList } from './alerts-page.tsx';
import { useFiringAlerts } from './use-alerts.ts';
import { countWords, needingSomebody } from './words.ts';

/** More would push everything else off the screen. */
const shownMax = 3;

/** What fires about one cluster, on its own page: what nobody is at yet, and a way to the rest. */
export function ClusterAlerts({ clusterId }: { clusterId: string }) {
  const { data = [] } = useFiringAlerts();
  const [isWhole, setWhole] = useState(false);
  const firing = data.filter((each) => each.clusterId === clusterId && each.state === 'firing');
  if (firing.length === 0) return null;
  const shown = isWhole ? firing : needingSomebody(firing).slice(0, shownMax);
  const left = firing.length - shown.length;
  return (
    <>
      <AlertList title={`Alerts: ${countWords(firing)}`} alerts={shown} />
      {left > 0 ? (
        <p className="-mt-2 flex flex-wrap items-center gap-x-2 text-ink-soft text-xs">
          <span>
            {shown.length === 0 ? `${left} that somebody is at, or that are silenced` : `${left} more`}
          </span>
          <Button tone="quiet" onClick={() => setWhole(true)}>
            Show {left === 1 ? 'it' : 'them'}
          </Button>
          <Link className="text-accent underline" href="/alerts">
            Alerts of every cluster
          </Link>
        </p>
      ) : null}
    </>
  );
}
