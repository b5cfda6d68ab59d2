import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { access, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { runCommand } from '../postgres/command.ts';
import { filesOf, type NodePlace } from '../postgres/layout.ts';
import { parseWalFileName, walFileName } from '../postgres/lsn.ts';
import { messageOf } from '../shared/errors.ts';
import type { WalGap } from './catalogue.ts';
import type { BackupEngine } from './engine.ts';
import type { WalRun } from './wal-lines.ts';

/**
 * A primary that is lost may have finished segments that it had not archived yet. Its successor has received them, but
 * PostgreSQL marks whatever a standby receives as archived (walreceiver.c, XLogArchiveForceDone), so it never archives
 * them: without more every failover could leave a hole that no restore gets across. They are pushed from its pg_wal here.
 */

const segmentsMax = 4096;
const pushDeadlineMs = 180_000;

/** The names of what a gap lacks, at most `segmentsMax` of them (pure). What is there, and damaged, cannot be pushed over. */
export function namesIn({ runs, damaged }: Pick<WalGap, 'runs' | 'damaged'>, segmentBytes: number): string[] {
  const isDamaged = new Set(damaged);
  return runs
    .flatMap((run) => namesOf(run, segmentBytes))
    .slice(0, segmentsMax)
    .filter((name) => !isDamaged.has(name));
}

function namesOf({ fromWal, segments }: WalRun, segmentBytes: number): string[] {
  const from = parseWalFileName(fromWal, segmentBytes);
  if (!from) return [];
  return Array.from({ length: Math.min(segments, segmentsMax) }, (_, at) =>
    walFileName(from.timeline, from.startLsn + BigInt(at) * BigInt(segmentBytes), segmentBytes),
  );
}

export interface Mended {
  pushed: string[];
  /** Of what was missing, this host has no copy either. */
  lost: string[];
  failed: { name: string; detail: string }[];
}

export interface Mending {
  signal: AbortSignal;
  /** Push to this one of several repositories only; null: as PostgreSQL does. */
  repository: number | null;
  /** From another repository: puts it at that place, and says where it came from; false when no other one has it. */
  fetch?(name: string, destination: string): Promise<boolean>;
}

/**
 * Pushes what is missing, by the same fenced script as PostgreSQL: from another repository, whose copy is the one that was
 * archived, or what this host's PostgreSQL still has.
 */
export async function mendArchive(
  place: NodePlace,
  missing: readonly string[],
  mending: Mending,
): Promise<Mended> {
  const walDir = join(place.dataDir, 'pg_wal');
  const present = new Set(await readdir(walDir));
  const mended: Mended = { pushed: [], lost: [], failed: [] };
  for (const name of missing) {
    if (mending.signal.aborted) {
      mended.failed.push({ name, detail: 'its turn had not come when the time was over' });
      break;
    }
    // PostgreSQL itself is about to archive this one.
    if (await exists(join(walDir, 'archive_status', `${name}.ready`))) continue;
    const copy = join(filesOf(place).backupWorkDir, name);
    try {
      const isFetched = (await mending.fetch?.(name, copy)) === true;
      if (!isFetched && !present.has(name)) {
        mended.lost.push(name);
        continue;
      }
      const problem = await push(place, { path: isFetched ? copy : join(walDir, name), name }, mending);
      if (problem === null) mended.pushed.push(name);
      else mended.failed.push({ name, detail: problem });
    } catch (error) {
      mended.failed.push({ name, detail: messageOf(error).slice(-300) });
    } finally {
      if (mending.fetch) await rm(copy, { force: true });
    }
  }
  return mended;
}

/**
 * Puts a segment at `to`, if it is what was archived: the program does not look, and what is pushed elsewhere gets the checksum of
 * what it is by then, so that a damaged one would be whole for every verification there.
 *
 * @param sha1 of its content when it was archived; null: nobody knows
 */
export async function fetchWhole(
  engine: Pick<BackupEngine, 'fetchWal'>,
  asked: { name: string; to: string; sha1: string | null; signal: AbortSignal },
): Promise<boolean> {
  const { name, to, sha1, signal } = asked;
  if (!(await engine.fetchWal(name, to, signal))) return false;
  if (sha1 === null) return true;
  const hash = createHash('sha1');
  for await (const chunk of createReadStream(to)) hash.update(chunk);
  if (hash.digest('hex') === sha1) return true;
  await rm(to, { force: true });
  return false;
}

async function push(
  place: NodePlace,
  file: { path: string; name: string },
  { repository, signal }: Mending,
): Promise<string | null> {
  const result = await runCommand({
    file: filesOf(place).archiveScript,
    args: [file.path, file.name, ...(repository === null ? [] : ['pgbackrest', String(repository)])],
    osUser: place.osUser,
    timeoutMs: pushDeadlineMs,
    signal,
    diesWithUs: true,
  });
  return result.code === 0 ? null : result.stderr.trim().slice(-300);
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
