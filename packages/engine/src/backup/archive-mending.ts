import { access, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { runCommand } from '../postgres/command.ts';
import { filesOf, type NodePlace } from '../postgres/layout.ts';
import { parseWalFileName, walFileName } from '../postgres/lsn.ts';
import type { WalGap } from './catalogue.ts';

/**
 * A primary that is lost may have finished segments that it had not archived yet. Its successor has received them, but
 * PostgreSQL marks whatever a standby receives as archived (walreceiver.c, XLogArchiveForceDone), so it never archives
 * them: without more every failover could leave a hole that no restore gets across. They are pushed from its pg_wal here.
 */

const segmentsMax = 4096;
const pushDeadlineMs = 180_000;

/** The names of what a gap lacks, at most `segmentsMax` of them (pure). What is there, and damaged, cannot be pushed over. */
export function namesIn(
  gap: Pick<WalGap, 'fromWal' | 'segments'> & Partial<Pick<WalGap, 'damaged'>>,
  segmentBytes: number,
): string[] {
  const from = parseWalFileName(gap.fromWal, segmentBytes);
  if (!from) return [];
  const names = Array.from({ length: Math.min(gap.segments, segmentsMax) }, (_, at) =>
    walFileName(from.timeline, from.startLsn + BigInt(at) * BigInt(segmentBytes), segmentBytes),
  );
  return names.filter((name) => !gap.damaged?.some((each) => each.slice(8) === name.slice(8)));
}

export interface Mended {
  pushed: string[];
  /** Of what was missing, this host has no copy either. */
  lost: string[];
  failed: { name: string; detail: string }[];
}

/** Pushes what this host's PostgreSQL still has of the missing segments, by the same fenced script as PostgreSQL. */
export async function mendArchive(
  place: NodePlace,
  missing: readonly string[],
  signal: AbortSignal,
): Promise<Mended> {
  const walDir = join(place.dataDir, 'pg_wal');
  const present = new Set(await readdir(walDir));
  const mended: Mended = { pushed: [], lost: [], failed: [] };
  for (const name of missing) {
    if (!present.has(name)) {
      mended.lost.push(name);
      continue;
    }
    // PostgreSQL itself is about to archive this one.
    if (await exists(join(walDir, 'archive_status', `${name}.ready`))) continue;
    const result = await runCommand({
      file: filesOf(place).archiveScript,
      args: [join(walDir, name), name],
      osUser: place.osUser,
      timeoutMs: pushDeadlineMs,
      signal,
      diesWithUs: true,
    });
    if (result.code === 0) mended.pushed.push(name);
    else mended.failed.push({ name, detail: result.stderr.trim().slice(-300) });
  }
  return mended;
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
