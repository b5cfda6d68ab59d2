import type pg from 'pg';
import { slotNameOf } from '../postgres/layout.ts';

type Queryable = Pick<pg.Pool, 'query'>;

interface SlotRow {
  slot_name: string;
  active: boolean;
  wal_status: string | null;
}

const ownSlotsSql = `
SELECT slot_name, active, wal_status FROM pg_replication_slots
WHERE slot_type = 'physical' AND NOT temporary AND slot_name LIKE 'quantadb\\_%'`;

/** Made by QuantaDB for a member; slots with other names are the user's. */
export function isOwnSlot(name: string): boolean {
  return name.startsWith('quantadb_');
}

/**
 * Makes sure that this server, primary or standby, keeps WAL for every one of `nodes`. A slot whose WAL is lost is made
 * anew: it would refuse its standby for ever.
 *
 * @returns names of the slots that were made
 */
export async function ensureSlots(queryable: Queryable, nodes: readonly string[]): Promise<string[]> {
  const { rows } = await queryable.query<SlotRow>(ownSlotsSql);
  const made: string[] = [];
  for (const slot of new Set(nodes.map(slotNameOf))) {
    const existing = rows.find((row) => row.slot_name === slot);
    if (existing && existing.wal_status !== 'lost') continue;
    if (existing) await queryable.query('SELECT pg_drop_replication_slot($1)', [slot]);
    // Reserved at once: a slot that reserves at first use would not protect the WAL of a clone under way.
    await queryable.query('SELECT pg_create_physical_replication_slot($1, true)', [slot]);
    made.push(slot);
  }
  return made;
}

/**
 * Drops QuantaDB's slots of everybody but `nodes`. One that is in use is left for the next call; slots with other names
 * are the user's.
 *
 * @returns names of the slots that were dropped
 */
export async function dropSlotsExcept(queryable: Queryable, nodes: readonly string[]): Promise<string[]> {
  const kept = new Set(nodes.map(slotNameOf));
  const { rows } = await queryable.query<SlotRow>(ownSlotsSql);
  const unwanted = rows.filter((row) => !row.active && !kept.has(row.slot_name)).map((row) => row.slot_name);
  for (const slot of unwanted) await queryable.query('SELECT pg_drop_replication_slot($1)', [slot]);
  return unwanted;
}
