import { ageMsOf, type BriefStatus, briefOf, type LiveStatus } from '../clusters/live-status.ts';
import { mayOn, type Roles } from '../people/roles.ts';

/** Pages that show all clusters hear of them often; others only keep their names and health. */
export const rhythms = [
  { name: 'often', ticks: 1 },
  { name: 'seldom', ticks: 10 },
] as const;
type Rhythm = (typeof rhythms)[number]['name'];

const prefix = 'hears ';

/**
 * What has become of all clusters since browsers were told last (pure but for what it remembers): one message for everybody with
 * the same roles, however many clusters have reported. Of each cluster the newest only.
 */
export class FleetNews {
  private readonly news: Record<Rhythm, Map<string, LiveStatus>> = { often: new Map(), seldom: new Map() };

  /** Where those with the same roles are, who hear in the same rhythm. */
  static roomOf({ role, clusters }: Roles, rhythm: Rhythm): string {
    const exceptions = Object.entries(clusters).sort(([left], [right]) => (left < right ? -1 : 1));
    return `${prefix}${rhythm} ${JSON.stringify([role, exceptions])}`;
  }

  add(live: LiveStatus): void {
    for (const { name } of rhythms) this.news[name].set(live.clusterId, live);
  }

  /** Nobody listens. */
  forget(): void {
    for (const { name } of rhythms) this.news[name].clear();
  }

  /** @param rooms all that there are, others among them */
  take(rhythm: Rhythm, rooms: readonly string[], nowMs: number): { room: string; clusters: BriefStatus[] }[] {
    const news = [...this.news[rhythm].values()].map((live) => {
      return { ...briefOf(live), ageMs: ageMsOf(live, nowMs) };
    });
    this.news[rhythm].clear();
    if (news.length === 0) return [];
    const start = `${prefix}${rhythm} `;
    return rooms
      .filter((room) => room.startsWith(start))
      .map((room) => {
        const [role, exceptions] = JSON.parse(room.slice(start.length)) as [
          Roles['role'],
          [string, Roles['role']][],
        ];
        const roles = { role, clusters: Object.fromEntries(exceptions) };
        return { room, clusters: news.filter(({ clusterId }) => mayOn(roles, clusterId, 'read')) };
      })
      .filter(({ clusters }) => clusters.length > 0);
  }
}
