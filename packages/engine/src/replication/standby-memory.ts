import type { NodeReport } from '../contract/node-report.ts';
import { followerOf } from './follower-slots.ts';

type Standby = Omit<NodeReport['standbys'][number], 'lagBytes' | 'lagMs'>;

/**
 * What each standby had confirmed when it was last connected (pure). The primary drops a standby that does not answer from
 * pg_stat_replication within seconds, which is when its lag matters most.
 */
export class StandbyMemory {
  private readonly last = new Map<string, Standby>();

  /**
   * The connected ones as they are, and after them the others as they were, marked `disconnected`.
   *
   * @param expected for whom WAL is kept: a primary that has just begun has seen nobody, and somebody may have been lost with the one before
   */
  complete(connected: Standby[], expected: readonly string[] = []): Standby[] {
    for (const standby of connected) if (standby.replayLsn !== null) this.last.set(standby.name, standby);
    const names = new Set(connected.map((standby) => standby.name));
    const missing = [...this.last.values()].filter((standby) => !names.has(standby.name));
    const never = expected.filter((name) => !names.has(name) && !this.last.has(name));
    const unknown = { writeLsn: null, flushLsn: null, replayLsn: null };
    return [
      ...connected,
      ...[...missing, ...never.map((name) => ({ name, ...unknown }))].map((standby) => ({
        ...{ ...standby, state: 'disconnected', sync: 'async' },
      })),
    ];
  }

  /** Members come and go; who has left is no standby any more. Clusters that follow this one are no members. */
  keepOnly(names: readonly string[]): void {
    for (const name of this.last.keys())
      if (!names.includes(name) && followerOf(name) === null) this.last.delete(name);
  }

  /** One that has said itself that it streams no longer. */
  leave(name: string): void {
    this.last.delete(name);
  }

  /** Another reign: what was confirmed to an earlier primary says nothing. */
  forget(): void {
    this.last.clear();
  }
}
