import { compareLsn } from '../postgres/lsn.ts';

/** A permanent logical slot, on the primary or a copy on a standby. */
export interface LogicalSlot {
  name: string;
  plugin: string;
  database: string;
  twoPhase: boolean;
  restartLsn: string | null;
  confirmedLsn: string | null;
  /** Rows of the catalogs that ended before this transaction are of no more use to it. */
  catalogXmin: number | null;
  isLost: boolean;
}

/** What the primary says to one of its standbys, all read at one moment. */
export interface LogicalOffer {
  /** Those that are not lost. */
  slots: LogicalSlot[];
  /** The catalog_xmin that the standby's physical slot holds back there; null: it protects no catalogs (yet). */
  heldXmin: number | null;
}

/** What is known of a copy, under one timeline of the primary. */
export interface CopyStanding {
  /** The primary's catalog_xmin when this node's physical slot was first seen to protect the copy; null: not seen yet. */
  guard: number | null;
  /** PostgreSQL here has read all that the copy needs. */
  isAdvanced: boolean;
  problem: string | null;
}

export const freshStanding: CopyStanding = { guard: null, isAdvanced: false, problem: null };

export interface LogicalMoves {
  copy: LogicalSlot[];
  advance: { name: string; database: string; toLsn: string }[];
  drop: string[];
}

/** Transaction ids are compared modulo 2^32, as PostgreSQL does (TransactionIdPrecedes). */
export function xidPrecedes(a: number, b: number): boolean {
  return ((a - b) | 0) < 0;
}

/** What makes a standby's logical slots like its primary's (pure). Never past them: what a consumer has not confirmed stays. */
export function logicalMoves(local: readonly LogicalSlot[], offered: readonly LogicalSlot[]): LogicalMoves {
  const originals = new Map(offered.map((slot) => [slot.name, slot]));
  const here = new Set(local.map(({ name }) => name));
  const moves: LogicalMoves = { copy: offered.filter(({ name }) => !here.has(name)), advance: [], drop: [] };
  for (const slot of local) {
    const original = originals.get(slot.name);
    if (!original || slot.isLost || !isSameKind(slot, original)) moves.drop.push(slot.name);
    else if (!isAhead(slot, original) && original.confirmedLsn !== null)
      moves.advance.push({ name: slot.name, database: slot.database, toLsn: original.confirmedLsn });
  }
  return moves;
}

/**
 * When the copy's catalogs begin to be protected (pure). The primary removes nothing that its own slot needs, so up to the moment
 * of `offer` nothing at or after the original's catalog_xmin is gone; from then on nothing at or after what the physical slot holds,
 * which moves with this node's copies. A copy that was needing more than that before is not ready until it has caught up.
 *
 * @param before the copy as it was before the primary was asked
 */
export function guardOf(
  before: LogicalSlot | undefined,
  offer: LogicalOffer,
  guard: number | null,
): number | null {
  const original = offer.slots.find(({ name }) => name === before?.name);
  const isHeld =
    offer.heldXmin !== null &&
    before !== undefined &&
    before.catalogXmin !== null &&
    !xidPrecedes(before.catalogXmin, offer.heldXmin);
  if (!isHeld || !original) return null;
  return guard ?? original.catalogXmin;
}

/** Why a promotion could not go on with the primary's slot (pure); null: it can. */
export function whyNotReady(
  original: LogicalSlot,
  copy: LogicalSlot | undefined,
  standing: CopyStanding,
): string | null {
  if (!copy)
    return ['there is no copy of it here yet', ...(standing.problem ? [standing.problem] : [])].join(': ');
  if (standing.problem !== null) return standing.problem;
  if (isAhead(copy, original)) return 'its copy here is ahead of its consumer, which has to catch up first';
  if (standing.guard === null)
    return 'the primary does not keep the catalog rows for it yet (hot_standby_feedback)';
  if (copy.catalogXmin === null || xidPrecedes(copy.catalogXmin, standing.guard))
    return 'its copy needs catalog rows that the primary may have removed; it is ready once its consumer has moved on';
  return standing.isAdvanced ? null : 'its copy has not been moved along yet';
}

function isAhead(copy: LogicalSlot, original: LogicalSlot): boolean {
  if (copy.confirmedLsn === null || original.confirmedLsn === null) return false;
  return compareLsn(copy.confirmedLsn, original.confirmedLsn) > 0;
}

function isSameKind(a: LogicalSlot, b: LogicalSlot): boolean {
  return a.plugin === b.plugin && a.database === b.database && a.twoPhase === b.twoPhase;
}
