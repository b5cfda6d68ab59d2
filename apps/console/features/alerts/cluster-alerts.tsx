'use client';

import { AlertList } from './alerts-page.tsx';
import { useFiringAlerts } from './use-alerts.ts';
import { countWords } from './words.ts';

/** What fires about one cluster, on its own page. */
export function ClusterAlerts({ clusterId }: { clusterId: string }) {
  const { data = [] } = useFiringAlerts();
  const firing = data.filter((each) => each.clusterId === clusterId && each.state === 'firing');
  return <AlertList title={`Alerts: ${countWords(firing)}`} alerts={firing} />;
}
