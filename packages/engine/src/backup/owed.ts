import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Owed } from '../contract/backup-view.ts';
import { owedDirOf, owedMoreMark } from '../postgres/archive-wrapper.ts';
import type { NodePlace } from '../postgres/layout.ts';
import { syncDirectory } from '../postgres/owned-file.ts';

/** What the archive script has noted for a repository that was away: one empty file for each name. */

/** Histories before the segments of their timelines, as the names sort: the order in which it is paid. */
export async function owedNames(place: NodePlace, number: number): Promise<string[]> {
  return (await readdir(owedDirOf(place, number)).catch(whenAbsent)).sort();
}

/** Null: nothing. */
export async function owedOf(place: NodePlace, number: number, detail: string): Promise<Owed | null> {
  const names = await owedNames(place, number);
  const segments = names.filter((name) => name !== owedMoreMark);
  const [oldest] = names;
  if (oldest === undefined) return null;
  const noted = await stat(join(owedDirOf(place, number), oldest)).catch(() => null);
  // Paid meanwhile.
  if (!noted) return null;
  return {
    ...{ repository: number, segments: segments.length, isMore: segments.length < names.length },
    ...{ sinceMs: noted.mtimeMs, detail },
  };
}

/** It has it now, or nobody has. */
export async function settle(place: NodePlace, number: number, names: readonly string[]): Promise<void> {
  const directory = owedDirOf(place, number);
  for (const name of names) await rm(join(directory, name), { force: true });
  await syncDirectory(directory).catch(whenAbsent);
}

function whenAbsent(error: NodeJS.ErrnoException): [] {
  if (error.code === 'ENOENT') return [];
  throw error;
}

const isWhole = (name: string) => name.length === 24;

/**
 * The WAL that a repository lacks and another one has (pure): from the newest backup it has on, or from its first segment.
 * What is older was let go by its retention, or leads nowhere.
 */
export function lackedOf(
  own: { segments: readonly string[]; newestBackupWal: string | null },
  others: readonly (readonly string[])[],
): string[] {
  const from = own.newestBackupWal ?? own.segments[0];
  if (from === undefined) return [];
  const known = new Set(own.segments);
  const names = new Set(others.flat().filter((name) => isWhole(name) && name >= from && !known.has(name)));
  return [...names].sort();
}
