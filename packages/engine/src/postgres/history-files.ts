import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { QuantaError } from '../shared/errors.ts';
import { normaliseLsn, parseLsn } from './lsn.ts';
import { syncDirectory, writeOwnedFile } from './owned-file.ts';
import type { OsUser } from './postmaster-host.ts';

/** One line of a `.history` file: `timeline` was left at `endLsn`. */
export interface HistoryEntry {
  timeline: number;
  endLsn: string;
}

/** A timeline of the local WAL: it holds records from `beginLsn` on (zero for the one that has no parent). */
export interface LocalTimeline {
  timeline: number;
  beginLsn: bigint;
}

const placeholder = '# Planted by QuantaDB: this timeline was never used.\n';

export function historyFileName(timeline: number): string {
  return `${timeline.toString(16).toUpperCase().padStart(8, '0')}.history`;
}

/** The format of PostgreSQL's timeline.c: id, switch point and reason, separated by tabs; `#` starts a comment. */
export function parseHistory(text: string): HistoryEntry[] {
  const entries: HistoryEntry[] = [];
  for (const line of text.split('\n')) {
    const match = /^\s*(\d+)\s+([0-9A-Fa-f]+\/[0-9A-Fa-f]+)/.exec(line);
    if (match?.[1] && match[2]) entries.push({ timeline: Number(match[1]), endLsn: normaliseLsn(match[2]) });
  }
  return entries;
}

/** Every history below pg_wal, by timeline. A planted one has no entries. */
export async function readHistories(dataDir: string): Promise<Map<number, HistoryEntry[]>> {
  const walDir = join(dataDir, 'pg_wal');
  const histories = new Map<number, HistoryEntry[]>();
  for (const name of await readdir(walDir)) {
    const match = /^([0-9A-F]{8})\.history$/.exec(name);
    if (!match?.[1]) continue;
    histories.set(Number.parseInt(match[1], 16), parseHistory(await readFile(join(walDir, name), 'utf8')));
  }
  return histories;
}

/** Where each timeline on the way to this one left its parent, oldest first. */
export async function pastOf(
  dataDir: string,
  timeline: number,
): Promise<{ timeline: number; parentId: number; forkLsn: string }[]> {
  const entries = (await readHistories(dataDir)).get(timeline) ?? [];
  return entries.map((entry, index) => ({
    timeline: entries[index + 1]?.timeline ?? timeline,
    parentId: entry.timeline,
    forkLsn: entry.endLsn,
  }));
}

/**
 * The timelines the local WAL may be on, newest first: the newest known descendant of the last checkpoint's timeline and
 * its parents. The same rule by which a starting standby chooses its target (`recovery_target_timeline = latest`).
 */
export function localTimelines(
  checkpointTimeline: number,
  histories: Map<number, HistoryEntry[]>,
): LocalTimeline[] {
  let newest = checkpointTimeline;
  for (const [timeline, entries] of histories) {
    if (timeline > newest && entries.some((entry) => entry.timeline === checkpointTimeline))
      newest = timeline;
  }
  const entries = histories.get(newest) ?? [];
  const line: LocalTimeline[] = entries.map((entry, index) => ({
    timeline: entry.timeline,
    beginLsn: index === 0 ? 0n : parseLsn(entries[index - 1]?.endLsn ?? '0/0'),
  }));
  const last = entries.at(-1);
  line.push({ timeline: newest, beginLsn: last ? parseLsn(last.endLsn) : 0n });
  return line.reverse();
}

/** Real histories that `timeline` does not descend from; none as long as its own has not come in. */
export function strayTimelines(
  timeline: number,
  ancestry: readonly number[],
  histories: Map<number, HistoryEntry[]>,
): number[] {
  if (!histories.has(timeline)) return [];
  const isStray = ([id, entries]: [number, HistoryEntry[]]) =>
    entries.length > 0 && id !== timeline && !ancestry.includes(id);
  return [...histories].filter(isStray).map(([id]) => id);
}

/**
 * Fills every gap below `target` in the local histories, so that a promotion takes exactly `target`: PostgreSQL takes
 * the first number without a history file. The placeholder names no parent, so `latest` never follows it
 * ("not a child of this server's history"). It stays for good: a standby that catches up over several timelines asks its
 * upstream for each of them in turn, and gives up when one is missing. For the same reason a real ancestor's file that
 * this node never received (it was cloned later) is written anew from the current timeline's history.
 */
export async function plantHistories(
  place: { dataDir: string; osUser: OsUser | null },
  timelines: { current: number; target: number },
): Promise<number[]> {
  // Placeholders from an earlier attempt at a higher number would make PostgreSQL skip the target.
  await sweepPlantedHistories(place.dataDir, timelines.current);
  const histories = await readHistories(place.dataDir);
  for (const used of histories.keys()) {
    if (used < timelines.target) continue;
    throw new QuantaError(
      'REFUSED',
      `timeline ${used} exists already, so ${timelines.target} cannot be the next one`,
    );
  }
  const ancestors = histories.get(timelines.current) ?? [];
  const planted: number[] = [];
  for (let timeline = 2; timeline < timelines.target; timeline += 1) {
    if (histories.has(timeline) || timeline === timelines.current) continue;
    const index = ancestors.findIndex((entry) => entry.timeline === timeline);
    const content = index < 0 ? placeholder : renderHistory(ancestors.slice(0, index));
    await writeHistory(place, timeline, content);
    planted.push(timeline);
  }
  return planted;
}

/**
 * Before a copy is recovered and opened: placeholders from `above` on, so that it takes exactly `target`. What was archived
 * of those timelines is fetched over them.
 */
export async function keepTimelinesFree(
  place: { dataDir: string; osUser: OsUser | null },
  timelines: { above: number; target: number },
): Promise<void> {
  for (let timeline = timelines.above + 1; timeline < timelines.target; timeline += 1)
    await writeHistory(place, timeline, placeholder);
}

/**
 * Takes back placeholders above the newest real timeline. They are left by a promotion that did not happen, and a
 * starting server would choose the newest of them as its target and refuse to start.
 */
export async function sweepPlantedHistories(dataDir: string, checkpointTimeline: number): Promise<number[]> {
  const histories = await readHistories(dataDir);
  let newestReal = checkpointTimeline;
  for (const [timeline, entries] of histories)
    if (entries.length > 0) newestReal = Math.max(newestReal, timeline);
  const swept = [...histories.keys()].filter((timeline) => timeline > newestReal);
  const walDir = join(dataDir, 'pg_wal');
  for (const timeline of swept) await rm(join(walDir, historyFileName(timeline)), { force: true });
  if (swept.length > 0) await syncDirectory(walDir);
  return swept;
}

/** Where `timeline` left its parent, from the file PostgreSQL wrote at the promotion. */
export async function readForkLsn(dataDir: string, timeline: number): Promise<string> {
  const path = join(dataDir, 'pg_wal', historyFileName(timeline));
  const last = parseHistory(await readFile(path, 'utf8')).at(-1);
  if (!last) throw new QuantaError('POSTGRES_FAILED', `${path} names no parent timeline`);
  return last.endLsn;
}

function renderHistory(entries: HistoryEntry[]): string {
  return entries.map((entry) => `${entry.timeline}\t${entry.endLsn}\trestored by QuantaDB\n`).join('');
}

async function writeHistory(
  place: { dataDir: string; osUser: OsUser | null },
  timeline: number,
  content: string,
): Promise<void> {
  const path = join(place.dataDir, 'pg_wal', historyFileName(timeline));
  await writeOwnedFile(path, content, { osUser: place.osUser, mode: 0o600 });
}
