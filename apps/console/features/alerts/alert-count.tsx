'use client';

import { Badge, Count } from '@quantadb/ui/patterns/status';
import Link from 'next/link';
import { useFiringAlerts } from './use-alerts.ts';
import { countBySeverity, severityTones } from './words.ts';

/** How many alerts fire, by severity; nothing when none does. */
export function AlertCount({ clusterId }: { clusterId?: string }) {
  const { data = [] } = useFiringAlerts();
  const counts = countBySeverity(
    clusterId === undefined ? data : data.filter((each) => each.clusterId === clusterId),
  );
  if (counts.length === 0) return null;
  return (
    <span className="inline-flex items-center gap-1">
      {counts.map(([severity, count]) => (
        <Badge key={severity} tone={severityTones[severity]}>
          {`${count} ${severity}`}
        </Badge>
      ))}
    </span>
  );
}

/** In the bar of every page. */
export function AlertLink() {
  const { data = [] } = useFiringAlerts();
  const counts = countBySeverity(data);
  if (counts.length === 0) return null;
  return (
    <Link href="/alerts" className="inline-flex items-center gap-1">
      {counts.map(([severity, count]) => (
        <Count key={severity} tone={severityTones[severity]} count={count} of={severity} />
      ))}
      <span className="sr-only">alerts fire</span>
    </Link>
  );
}
