import { readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type pg from 'pg';
import { z } from 'zod';
import { withFreshConnection } from '../postgres/connection.ts';
import { readControlData } from '../postgres/control-data.ts';
import type { NodePlace } from '../postgres/layout.ts';
import { slotNameOf } from '../postgres/layout.ts';
import { parseLsn, walFileName } from '../postgres/lsn.ts';
import { ensureOwnedDirectory, syncDirectory, writeOwnedFile } from '../postgres/owned-file.ts';
import type { SettingsKeeper } from '../postgres/settings-keeper.ts';
import { checkLogicalState } from '../postgres/slot-state.ts';
import { messageOf } from '../shared/errors.ts';
import type { StateDirectory } from '../shared/state-directory.ts';
import {
  type CopyStanding,
  freshStanding,
  guardOf,
  type LogicalMoves,
  type LogicalOffer,
  type LogicalSlot,
  logicalMoves,
  whyNotReady,
} from './logical-moves.ts';

const slotsSql = `
SELECT slot_name AS name, plugin, database, two_phase AS "twoPhase", restart_lsn::text AS "restartLsn",
  confirmed_flush_lsn::text AS "confirmedLsn", catalog_xmin::text::float8 AS "catalogXmin",
  wal_status IS NOT DISTINCT FROM 'lost' AS "isLost"
FROM pg_replication_slots WHERE slot_type = 'logical' AND NOT temporary ORDER BY slot_name`;

const heldSql = `
SELECT catalog_xmin::text::float8 AS held FROM pg_replication_slots WHERE slot_name = $1 AND slot_type = 'physical'`;

const statesSql = `
SELECT slot_name AS name, encode(pg_read_binary_file('pg_replslot/' || slot_name || '/state'), 'base64') AS state
FROM pg_replication_slots WHERE slot_type = 'logical' AND NOT temporary AND slot_name = ANY($1)`;

/** Never beyond what was replayed as a standby: after a promotion the former primary's positions are of another history. */
const advanceSql = `
SELECT pg_replication_slot_advance(slot_name, least($2::pg_lsn, pg_last_wal_replay_lsn()))
FROM pg_replication_slots
WHERE slot_name = $1 AND pg_is_in_recovery() AND least($2::pg_lsn, pg_last_wal_replay_lsn()) >= confirmed_flush_lsn`;

const memoryFile = 'logical-slots.json';
const memorySchema = z.object({
  /** Of the last reign of this node's own, under which its slots were the cluster's. */
  ownTimeline: z.number().int().nullable(),
  /** Dropped at a promotion, and not told of yet. */
  dropped: z.array(z.object({ name: z.string(), reason: z.string() })),
});
type Memory = z.infer<typeof memorySchema>;

const advanceDeadlineMs = 60_000;
/** A copy that did not become one is not made again before: each costs a restart. */
const copyAgainMs = 10 * 60_000;

export interface NotReady {
  name: string;
  reason: string;
}

interface Parts {
  place: NodePlace;
  queryable: Pick<pg.Pool, 'query'>;
  settings: SettingsKeeper;
  files: StateDirectory;
}

/**
 * Copies of the primary's logical slots. PostgreSQL 15 makes none on a standby, but takes a state file that lies there when it starts,
 * and lets it be advanced in recovery. Whether what such a slot needs is there is not PostgreSQL's concern, so it is proven here
 * (`logical-moves`), and a copy that is not proven does not live to see a promotion.
 */
export class LogicalSlots {
  private readonly parts: Parts;
  private readonly standings = new Map<string, CopyStanding>();
  private readonly failedAtMs = new Map<string, number>();
  /** Of which primary the standings are: its timeline. */
  private timeline: number | null = null;
  private ready: ReadonlySet<string> = new Set();
  private notReady: NotReady[] = [];
  private memory: Memory | null = null;
  /** States that are to be written while PostgreSQL is stopped. */
  private pending = new Map<string, { state: Buffer; restartLsn: string }>();

  constructor(parts: Parts) {
    this.parts = parts;
  }

  /** For the report of a standby; empty on a primary, which follows nobody. */
  unready(): NotReady[] {
    return this.notReady;
  }

  /** Of this server, whatever its role. */
  async look(): Promise<LogicalSlot[]> {
    return (await this.parts.queryable.query<LogicalSlot>(slotsSql)).rows;
  }

  /** Of a primary. */
  async offerTo(node: string): Promise<LogicalOffer> {
    // The physical slot first: what it holds only grows, and the guard taken afterwards is the later, stricter one.
    const held = await this.parts.queryable.query<{ held: number | null }>(heldSql, [slotNameOf(node)]);
    const slots = (await this.look()).filter(({ isLost, restartLsn }) => !isLost && restartLsn !== null);
    return { slots, heldXmin: held.rows[0]?.held ?? null };
  }

  /** Of a primary: the state files, base64. */
  async states(names: string[]): Promise<{ name: string; state: string }[]> {
    return (await this.parts.queryable.query<{ name: string; state: string }>(statesSql, [names])).rows;
  }

  /**
   * On a standby.
   *
   * @param before what `look` said before the primary was asked
   * @returns the slots of which a copy is to be made
   */
  async follow(input: {
    before: readonly LogicalSlot[];
    offer: LogicalOffer;
    timeline: number;
    nowMs: number;
  }): Promise<LogicalSlot[]> {
    const { before, offer, timeline, nowMs } = input;
    await this.leaveReign();
    if (timeline !== this.timeline) {
      this.standings.clear();
      this.pending.clear();
    }
    this.timeline = timeline;
    for (const { name } of offer.slots) {
      const standing = this.standings.get(name) ?? freshStanding;
      const copy = before.find((slot) => slot.name === name);
      const guard = guardOf(copy, offer, standing.guard);
      this.standings.set(name, { ...standing, guard, problem: copy ? null : standing.problem });
    }
    const { copy, advance, drop } = logicalMoves(before, offer.slots);
    for (const name of drop) await this.drop(name);
    for (const move of advance) await this.advance(move, nowMs);
    const after = await this.look();
    await this.protectCatalogs(after.length > 0);
    this.judge(after, offer.slots);
    return copy.filter(({ name }) => nowMs - (this.failedAtMs.get(name) ?? -copyAgainMs) >= copyAgainMs);
  }

  /** The names of those whose WAL is here; of the others it is told that it is not. */
  async withWal(slots: readonly LogicalSlot[]): Promise<LogicalSlot[]> {
    if (slots.length === 0) return [];
    const isHere = await this.walHere();
    const isHeld = ({ restartLsn }: LogicalSlot) => restartLsn !== null && isHere(restartLsn);
    for (const { name } of slots.filter((slot) => !isHeld(slot)))
      this.tell(name, 'the WAL that it needs is not on this node any more: its consumer is too far behind');
    return slots.filter(isHeld);
  }

  /** Keeps the states until PostgreSQL stops. @throws QuantaError PROTOCOL_VIOLATION when one is damaged */
  prepare(slots: readonly LogicalSlot[], states: readonly { name: string; state: string }[]): void {
    this.pending.clear();
    for (const { name, state } of states) {
      const restartLsn = slots.find((slot) => slot.name === name)?.restartLsn;
      const bytes = Buffer.from(state, 'base64');
      checkLogicalState(name, bytes);
      if (restartLsn) this.pending.set(name, { state: bytes, restartLsn });
    }
  }

  /** What a standby waits for to be restarted, in words. */
  tell(name: string, problem: string): void {
    this.standings.set(name, { ...(this.standings.get(name) ?? freshStanding), problem });
    this.notReady = [
      ...this.notReady.filter((each) => each.name !== name),
      { name, reason: `there is no copy of it here yet: ${problem}` },
    ];
  }

  /** Of a stopped server, about to start as a standby: what was prepared becomes its slots. */
  async install(timeline: number): Promise<string[]> {
    const { place, settings } = this.parts;
    // States of another reign may lie beyond where its history ended.
    if (this.pending.size === 0 || timeline !== this.timeline) return [];
    const slotsDir = join(place.dataDir, 'pg_replslot');
    const own = { osUser: place.osUser, mode: 0o700 };
    const here = new Set(await readdir(slotsDir));
    const isHere = await this.walHere();
    const made: string[] = [];
    for (const [name, { state, restartLsn }] of this.pending) {
      if (here.has(name) || !isHere(restartLsn)) continue;
      // PostgreSQL removes what ends so when it starts.
      const temporary = join(slotsDir, `${name}.tmp`);
      await rm(temporary, { recursive: true, force: true });
      await ensureOwnedDirectory(temporary, own);
      await writeOwnedFile(join(temporary, 'state'), state, { ...own, mode: 0o600 });
      await rename(temporary, join(slotsDir, name));
      await syncDirectory(slotsDir);
      this.standings.delete(name);
      made.push(name);
    }
    this.pending.clear();
    if (made.length > 0) await settings.change(() => ({ keepsLogicalSlots: true }));
    return made;
  }

  /** This node is primary of that timeline: its slots are the cluster's. */
  async reigns(timeline: number): Promise<void> {
    this.notReady = [];
    this.ready = new Set();
    this.pending.clear();
    const memory = await this.recall();
    if (memory.ownTimeline !== timeline) await this.remember({ ...memory, ownTimeline: timeline });
  }

  /** Before a promotion to a timeline that leaves `parent`: no consumer may find a slot that would skip something. */
  async dropUnready(parent: number | null): Promise<void> {
    const memory = await this.recall();
    // Nobody has reigned since: these are the originals.
    if (parent !== null && memory.ownTimeline === parent) return;
    const isKnown = parent !== null && parent === this.timeline;
    const unready = (await this.look()).filter(({ name }) => !isKnown || !this.ready.has(name));
    const missing = isKnown ? this.notReady.filter(({ name }) => !this.ready.has(name)) : [];
    const names = [...new Set([...unready, ...missing].map(({ name }) => name))];
    if (names.length === 0) return;
    const why = (name: string) =>
      this.notReady.find((each) => each.name === name)?.reason ?? 'it was not proven yet';
    // First written down: what is gone must be told, whatever happens now.
    const told = names.map((name) => ({ name, reason: why(name) }));
    await this.remember({ ...memory, dropped: [...memory.dropped, ...told] });
    for (const { name } of unready) await this.drop(name);
  }

  /** Slots that a promotion did not keep, until they have been told of. */
  async dropped(): Promise<NotReady[]> {
    return (await this.recall()).dropped;
  }

  async toldOfDropped(): Promise<void> {
    await this.remember({ ...(await this.recall()), dropped: [] });
  }

  private judge(copies: readonly LogicalSlot[], originals: readonly LogicalSlot[]): void {
    const judged = originals.map((original) => {
      const copy = copies.find(({ name }) => name === original.name);
      const standing = this.standings.get(original.name) ?? freshStanding;
      return { name: original.name, reason: whyNotReady(original, copy, standing) };
    });
    this.ready = new Set(judged.filter(({ reason }) => reason === null).map(({ name }) => name));
    this.notReady = judged.flatMap(({ name, reason }) => (reason === null ? [] : [{ name, reason }]));
  }

  private async advance(move: LogicalMoves['advance'][number], nowMs: number): Promise<void> {
    const { name, database, toLsn } = move;
    const standing = this.standings.get(name) ?? freshStanding;
    const what = `advancing the slot ${name}`;
    try {
      const limits = { what, timeoutMs: advanceDeadlineMs, database };
      const { rowCount } = await withFreshConnection(this.parts.place, limits, (client) =>
        client.query(advanceSql, [name, toLsn]),
      );
      this.standings.set(name, { ...standing, isAdvanced: standing.isAdvanced || rowCount === 1 });
    } catch (error) {
      this.standings.set(name, { ...standing, isAdvanced: false, problem: messageOf(error) });
      // Its WAL is gone, or the slot is invalid: another copy may do.
      if (!lostCodes.has(String((error as { code?: unknown }).code))) return;
      this.failedAtMs.set(name, nowMs);
      await this.drop(name);
    }
  }

  private async drop(name: string): Promise<void> {
    const { queryable } = this.parts;
    const held =
      'SELECT pg_terminate_backend(active_pid, 2000) FROM pg_replication_slots WHERE slot_name = $1';
    await queryable.query(`${held} AND active_pid IS NOT NULL`, [name]);
    await queryable.query('SELECT pg_drop_replication_slot($1)', [name]);
  }

  /** Only where there is something to protect: it keeps dead rows on the primary for as long as this node's queries run. */
  private async protectCatalogs(keepsLogicalSlots: boolean): Promise<void> {
    const { settings } = this.parts;
    if ((await settings.current()).keepsLogicalSlots === keepsLogicalSlots) return;
    await settings.change(() => ({ keepsLogicalSlots }));
    await settings.signalReload();
  }

  /** Whether the WAL at a position is on this disk, whatever its timeline. */
  private async walHere(): Promise<(lsn: string) => boolean> {
    const { place } = this.parts;
    const { walSegmentBytes } = await readControlData(place);
    const names = await readdir(join(place.dataDir, 'pg_wal'));
    const positions = new Set(names.map((name) => name.slice(8)));
    return (lsn) => positions.has(walFileName(1, parseLsn(lsn), walSegmentBytes).slice(8));
  }

  /** Whoever follows another primary has no originals any more. */
  private async leaveReign(): Promise<void> {
    const memory = await this.recall();
    if (memory.ownTimeline !== null) await this.remember({ ...memory, ownTimeline: null });
  }

  private async recall(): Promise<Memory> {
    if (this.memory) return this.memory;
    const text = await this.parts.files.read(memoryFile);
    this.memory = text === null ? { ownTimeline: null, dropped: [] } : memorySchema.parse(JSON.parse(text));
    return this.memory;
  }

  private async remember(memory: Memory): Promise<void> {
    await this.parts.files.write(memoryFile, JSON.stringify(memory));
    this.memory = memory;
  }
}

/** PostgreSQL's, of a missing segment (58P01) and of a slot that cannot be advanced (55000). */
const lostCodes: ReadonlySet<string> = new Set(['58P01', '55000']);
