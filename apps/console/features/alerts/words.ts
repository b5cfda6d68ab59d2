import type { AppRouter } from '@quantadb/api/client-types';
import type { Tone } from '@quantadb/ui/patterns/status';
import type { inferRouterOutputs } from '@trpc/server';

export type FiringAlert = inferRouterOutputs<AppRouter>['alerts']['firing'][number];
export type Rule = inferRouterOutputs<AppRouter>['alertRules']['list'][number];
export type Channel = inferRouterOutputs<AppRouter>['alertChannels']['list'][number];
export type Severity = FiringAlert['severity'];

/** The worst first. */
export const severities = ['critical', 'warning', 'info'] as const satisfies readonly Severity[];

export const severityTones: Record<Severity, Tone> = {
  critical: 'critical',
  warning: 'warning',
  info: 'working',
};

/** An answer holds no more: of so many there may be others, and none of them is worse. */
export const alertsShownMax = 1000;

type Counted = Pick<FiringAlert, 'state' | 'severity' | 'silencedBy'>;

/** Whoever silenced one does not want to be called by a number either (pure). */
export function countBySeverity(alerts: readonly Counted[]): [Severity, number][] {
  const firing = alerts.filter(({ state, silencedBy }) => state === 'firing' && !silencedBy);
  return severities.flatMap((severity): [Severity, number][] => {
    const count = firing.filter((alert) => alert.severity === severity).length;
    return count === 0 ? [] : [[severity, count]];
  });
}

/** "2 critical, 1 warning, 3 silenced" (pure). */
export function countWords(alerts: readonly Counted[]): string {
  const silenced = alerts.filter(({ state, silencedBy }) => state === 'firing' && silencedBy).length;
  const counts: [string, number][] = [...countBySeverity(alerts), ['silenced', silenced]];
  return counts.flatMap(([what, count]) => (count === 0 ? [] : `${count} ${what}`)).join(', ');
}

/** Those that nobody has acknowledged or silenced: of every rule one, before there is a second one of any (pure). */
export function needingSomebody<Alert extends Pick<FiringAlert, 'rule' | 'acknowledged' | 'silencedBy'>>(
  alerts: readonly Alert[],
): Alert[] {
  const open = alerts.filter(({ acknowledged, silencedBy }) => !acknowledged && !silencedBy);
  const isFirst = ({ rule }: Alert, at: number) => open.findIndex((each) => each.rule === rule) === at;
  return [...open.filter(isFirst), ...open.filter((alert, at) => !isFirst(alert, at))];
}
