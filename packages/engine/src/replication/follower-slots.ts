import type pg from 'pg';
import { compareLsn } from '../postgres/lsn.ts';

/**
 * WAL that a primary keeps for another cluster that follows it: one physical slot for each, which nobody streams from. The
 * follower says up to where all of its nodes hold the WAL, so that whichever of them streams next finds what it needs. To
 * the rest of QuantaDB it is a slot of the user's: every standby has it too (I-SLOT-1), and when it is lost that is told.
 */

const slotPrefix = 'standby_cluster_';
const namePrefix = 'cluster:';

/** As what a following cluster's node shows itself here. No host has such a name: nobody ever waits for it. */
export function followerNameOf(cluster: string): string {
  return `${namePrefix}${cluster}`;
}

/** The cluster behind an application name; null: a node, or somebody else. */
export function followerOf(applicationName: string): string | null {
  return applicationName.startsWith(namePrefix) ? applicationName.slice(namePrefix.length) : null;
}

/** The clusters for which slots are kept, as they show themselves here; a name of a cluster has no underscores (pure). */
export function followersOfSlots(slots: readonly string[]): string[] {
  return slots
    .filter((slot) => slot.startsWith(slotPrefix))
    .map((slot) => followerNameOf(slot.slice(slotPrefix.length).replaceAll('_', '-')));
}

function slotOf(cluster: string): string {
  return `${slotPrefix}${cluster.replaceAll('-', '_')}`;
}

interface SlotRow {
  restartLsn: string | null;
  isLost: boolean;
}

const slotSql = `
SELECT restart_lsn::text AS "restartLsn", wal_status IS NOT DISTINCT FROM 'lost' AS "isLost"
FROM pg_replication_slots WHERE slot_name = $1`;

export class FollowerSlots {
  private readonly queryable: Pick<pg.Pool, 'query'>;

  private readonly onLeave: (applicationName: string) => void;

  constructor(queryable: Pick<pg.Pool, 'query'>, onLeave: (applicationName: string) => void) {
    this.queryable = queryable;
    this.onLeave = onLeave;
  }

  /** @param from where the WAL begins that some node of the follower lacks; null: not known, keep what is kept */
  async keep(cluster: string, from: string | null): Promise<void> {
    const slot = slotOf(cluster);
    const { rows } = await this.queryable.query<SlotRow>(slotSql, [slot]);
    const [found] = rows;
    if (found?.isLost) await this.queryable.query('SELECT pg_drop_replication_slot($1)', [slot]);
    if (!found || found.isLost)
      await this.queryable.query('SELECT pg_create_physical_replication_slot($1, true)', [slot]);
    else if (from !== null && found.restartLsn !== null && compareLsn(from, found.restartLsn) > 0)
      await this.queryable.query('SELECT pg_replication_slot_advance($1, $2::pg_lsn)', [slot, from]);
  }

  async drop(cluster: string): Promise<void> {
    await this.queryable.query(
      'SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = $1',
      [slotOf(cluster)],
    );
    this.onLeave(followerNameOf(cluster));
  }
}
