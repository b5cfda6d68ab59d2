import type { Identity } from './judge.ts';
import { type Severity, severities } from './rule.ts';
import type { LiveAlert } from './transitions.ts';

/** Whom an alert is told to, and when nobody is (pure). */

export interface Silence {
  /** Null matches every one. */
  rule: string | null;
  clusterId: string | null;
  subject: string | null;
  endsMs: number;
}

export interface Route {
  isDefault: boolean;
  severities: readonly string[];
  /** Empty: all, and what is of no cluster. */
  clusterIds: readonly string[];
  channelIds: readonly string[];
  escalateMinutes: number | null;
  escalateChannelIds: readonly string[];
}

export interface ToldAlert extends LiveAlert {
  acknowledgedMs: number | null;
  notifiedMs: number | null;
  notifiedAs: Severity | null;
  escalatedMs: number | null;
}

export const noticeKinds = ['firing', 'worse', 'escalated', 'resolved', 'test'] as const;
export type NoticeKind = (typeof noticeKinds)[number];

/** One thing to tell now; without channels there is nobody to tell, which is remembered all the same. */
export interface Notice {
  kind: Exclude<NoticeKind, 'resolved' | 'test'>;
  channelIds: string[];
}

export function silences(silence: Silence, alert: Identity, nowMs: number): boolean {
  return (
    nowMs < silence.endsMs &&
    (silence.rule === null || silence.rule === alert.rule) &&
    (silence.clusterId === null || silence.clusterId === alert.clusterId) &&
    (silence.subject === null || silence.subject === alert.subject)
  );
}

/** Every route that is for it; the default one only when no other is. */
export function routesFor<Each extends Route>(
  { severity, clusterId }: { severity: string; clusterId: string | null },
  routes: readonly Each[],
): Each[] {
  const fits = (route: Each) =>
    route.severities.includes(severity) &&
    (route.clusterIds.length === 0 || (clusterId !== null && route.clusterIds.includes(clusterId)));
  const own = routes.filter((route) => !route.isDefault && fits(route));
  return own.length > 0 ? own : routes.filter((route) => route.isDefault && fits(route));
}

export function channelsOf(routes: readonly Route[]): string[] {
  return [...new Set(routes.flatMap((route) => route.channelIds))];
}

/** What is to be told of this alert at this moment. */
export function nextNotice(
  alert: ToldAlert,
  { routes, silenced, nowMs }: { routes: readonly Route[]; silenced: readonly Silence[]; nowMs: number },
): Notice | null {
  if (alert.state !== 'firing' || silenced.some((each) => silences(each, alert, nowMs))) return null;
  const mine = routesFor(alert, routes);
  if (alert.notifiedMs === null) return { kind: 'firing', channelIds: channelsOf(mine) };
  const { notifiedAs, notifiedMs, escalatedMs } = alert;
  if (notifiedAs !== null && severities.indexOf(alert.severity) > severities.indexOf(notifiedAs))
    return { kind: 'worse', channelIds: channelsOf(mine) };
  if (alert.acknowledgedMs !== null) return null;
  const due = mine.filter(({ escalateMinutes }) => {
    const dueMs = escalateMinutes === null ? Number.POSITIVE_INFINITY : notifiedMs + escalateMinutes * 60_000;
    return dueMs <= nowMs && dueMs > (escalatedMs ?? 0);
  });
  const channelIds = [...new Set(due.flatMap((route) => route.escalateChannelIds))];
  return channelIds.length > 0 ? { kind: 'escalated', channelIds } : null;
}

export interface Told {
  channelIds: string[];
  /** While nobody acknowledges it, so many minutes after the first message; the soonest first. */
  later: { afterMinutes: number; channelIds: string[] }[];
  /** Until then nobody is told at all; null: it is not silenced. */
  silencedUntilMs: number | null;
}

/** Whom an alert reaches, and when, as routes and silences are now. A silence counts when it matches the whole of it. */
export function whoIsTold(
  alert: Identity & { severity: string },
  { routes, silenced, nowMs }: { routes: readonly Route[]; silenced: readonly Silence[]; nowMs: number },
): Told {
  const mine = routesFor(alert, routes);
  const later = mine.flatMap(({ escalateMinutes: afterMinutes, escalateChannelIds }) =>
    afterMinutes === null || escalateChannelIds.length === 0
      ? []
      : [{ afterMinutes, channelIds: [...escalateChannelIds] }],
  );
  const ends = silenced.filter((each) => silences(each, alert, nowMs)).map(({ endsMs }) => endsMs);
  return {
    channelIds: channelsOf(mine),
    later: later.sort((left, right) => left.afterMinutes - right.afterMinutes),
    silencedUntilMs: ends.length > 0 ? Math.max(...ends) : null,
  };
}
