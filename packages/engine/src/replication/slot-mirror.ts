import type pg from 'pg';
import { z } from 'zod';
import { type NodePlace, slotNameOf } from '../postgres/layout.ts';
import { compareLsn } from '../postgres/lsn.ts';
import type { PostgresSupervisor } from '../postgres/supervisor.ts';
import type { StateDirectory } from '../shared/state-directory.ts';
import { LogicalSlots } from './logical-slots.ts';
import { isOwnSlot } from './slots.ts';

/** A physical slot and where the WAL that it keeps begins. */
export interface KeptSlot {
  name: string;
  restartLsn: string;
}

export interface LocalSlot {
  name: string;
  active: boolean;
  restartLsn: string | null;
  /** More WAL than `max_slot_wal_keep_size` was written while its consumer was away. */
  isLost: boolean;
}

export interface SlotMoves {
  create: string[];
  advance: KeptSlot[];
  drop: string[];
}

interface MirrorInput {
  local: readonly LocalSlot[];
  /** Of the primary. */
  kept: readonly KeptSlot[];
  /** The user's slots that are here because the primary had them. */
  copies: ReadonlySet<string>;
}

/**
 * What makes a standby's slots like its primary's (pure). A slot in use, and one that a user made here, are left alone. A copy never goes
 * ahead of its original: what the original's consumer has not confirmed is kept.
 */
export function slotMoves({ local, kept, copies }: MirrorInput): SlotMoves {
  const known = new Map(local.map((slot) => [slot.name, slot]));
  const moves: SlotMoves = { create: [], advance: [], drop: [] };
  for (const slot of kept) {
    const own = known.get(slot.name);
    if (!own || (own.isLost && !own.active)) moves.create.push(slot.name);
    else if (!own.active && own.restartLsn !== null && compareLsn(slot.restartLsn, own.restartLsn) > 0)
      moves.advance.push(slot);
  }
  const names = new Set(kept.map(({ name }) => name));
  for (const { name, active } of local)
    if (!active && !names.has(name) && (isOwnSlot(name) || copies.has(name))) moves.drop.push(name);
  return moves;
}

const copiesFile = 'copied-slots.json';
const copiesSchema = z.array(z.string().max(63)).max(1000);

const localSlotsSql = `
SELECT slot_name AS name, active, restart_lsn::text AS "restartLsn", wal_status IS NOT DISTINCT FROM 'lost' AS "isLost"
FROM pg_replication_slots WHERE slot_type = 'physical' AND NOT temporary ORDER BY slot_name`;

const advanceSql = `
SELECT pg_replication_slot_advance(slot_name, $2::pg_lsn) FROM pg_replication_slots
WHERE slot_name = $1 AND slot_type = 'physical' AND NOT active AND restart_lsn < $2::pg_lsn
  AND $2::pg_lsn <= CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_flush_lsn() END`;

/**
 * Keeps on every standby the WAL that the primary's physical slots keep, so that after a failover those who were behind, standbys and
 * consumers of the user's, go on where they were. PostgreSQL gives slots to no standby (its page on replication slots).
 */
export class SlotMirror {
  readonly logical: LogicalSlots;
  private readonly queryable: Pick<pg.Pool, 'query'>;
  private readonly self: string;
  private readonly files: StateDirectory;

  constructor(
    place: NodePlace,
    server: Pick<PostgresSupervisor, 'pool' | 'settings'>,
    files: StateDirectory,
  ) {
    this.queryable = server.pool;
    this.self = place.nodeName;
    this.files = files;
    this.logical = new LogicalSlots({ place, queryable: server.pool, settings: server.settings, files });
  }

  /** Those that are worth a copy. */
  async kept(): Promise<KeptSlot[]> {
    return (await this.local()).flatMap(({ name, restartLsn, isLost }) =>
      restartLsn === null || isLost ? [] : [{ name, restartLsn }],
    );
  }

  /** The user's slots whose consumers cannot go on. */
  async lost(): Promise<string[]> {
    return [...(await this.local()), ...(await this.logical.look())]
      .filter(({ name, isLost }) => isLost && !isOwnSlot(name))
      .map(({ name }) => name);
  }

  /** On a standby. Where a slot cannot be made, as when `max_replication_slots` is reached, the others are. */
  async follow(primarysSlots: readonly KeptSlot[]): Promise<{ problems: string[] }> {
    const kept = primarysSlots.filter(({ name }) => name !== slotNameOf(this.self));
    const local = await this.local();
    const copies = await this.copies();
    const { create, advance, drop } = slotMoves({ local, kept, copies });
    const theirs = kept.map(({ name }) => name).filter((name) => !isOwnSlot(name));
    // First written down, then made: a copy that nobody knows of would keep WAL for ever.
    await this.remember(copies, new Set([...theirs, ...drop.filter((name) => !isOwnSlot(name))]));
    const problems: string[] = [];
    const attempt = async (name: string, text: string, parameters: unknown[]) => {
      await this.queryable.query(text, parameters).catch((error: Error) => {
        problems.push(`${name}: ${error.message}`);
      });
    };
    const isHere = new Set(local.map(({ name }) => name));
    for (const name of [...drop, ...create.filter((each) => isHere.has(each))])
      await attempt(name, 'SELECT pg_drop_replication_slot($1)', [name]);
    for (const name of create)
      await attempt(name, 'SELECT pg_create_physical_replication_slot($1, true)', [name]);
    for (const { name, restartLsn } of advance)
      await attempt(name, 'SELECT pg_replication_slot_advance($1, $2::pg_lsn)', [name, restartLsn]);
    return { problems };
  }

  /** On a primary, forward only: a slot whose user streams from elsewhere keeps no more than that user lacks. */
  async advance(name: string, lsn: string): Promise<void> {
    await this.queryable.query(advanceSql, [name, lsn]);
  }

  private async local(): Promise<LocalSlot[]> {
    return (await this.queryable.query<LocalSlot>(localSlotsSql)).rows;
  }

  private async copies(): Promise<Set<string>> {
    const text = await this.files.read(copiesFile);
    return new Set(text === null ? [] : copiesSchema.parse(JSON.parse(text)));
  }

  private async remember(before: ReadonlySet<string>, now: ReadonlySet<string>): Promise<void> {
    const isSame = before.size === now.size && [...now].every((name) => before.has(name));
    if (!isSame) await this.files.write(copiesFile, JSON.stringify([...now]));
  }
}
