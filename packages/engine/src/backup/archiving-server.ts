import { existsSync } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { RestorePoint } from '../contract/backup.ts';
import type { Archiving } from '../contract/backup-view.ts';
import { withFreshConnection } from '../postgres/connection.ts';
import type { NodePlace } from '../postgres/layout.ts';
import { pollUntil } from '../shared/deadline.ts';
import { QuantaError } from '../shared/errors.ts';

/** What a primary's PostgreSQL is asked and told on behalf of backups. */

export type WrittenPoint = Omit<RestorePoint, 'by'> & { hasLeft: boolean };

const askDeadlineMs = 10_000;
const archivingDeadlineMs = 20_000;
const checkpointDeadlineMs = 30 * 60_000;

/** How archiving goes on a primary; null on a standby, which archives nothing, and while the server does not answer. */
export async function archivingOf(place: NodePlace): Promise<Archiving | null> {
  try {
    const row = await withFreshConnection(
      place,
      { what: 'the archiver', timeoutMs: askDeadlineMs },
      async (client) => {
        const { rows } = await client.query<{
          recovering: boolean;
          wal: string | null;
          at: Date | null;
          failed: Date | null;
        }>(
          `SELECT pg_is_in_recovery() AS recovering, last_archived_wal AS wal, last_archived_time AS at,
                CASE WHEN last_failed_time > coalesce(last_archived_time, '-infinity') THEN last_failed_time END AS failed
           FROM pg_stat_archiver`,
        );
        return rows[0];
      },
    );
    if (!row || row.recovering) return null;
    const waiting = await waitingFor(place);
    const lastAtMs = row.at?.getTime() ?? null;
    return {
      lastWal: row.wal,
      lastAtMs,
      failingSinceMs: row.failed === null ? null : failingSince({ lastAtMs, oldestMs: waiting.oldestMs }),
      waitingSegments: waiting.segments,
    };
  } catch (error) {
    if (error instanceof QuantaError || (error as { code?: string }).code !== undefined) return null;
    throw error;
  }
}

/**
 * Since when every attempt fails, although the server only tells of the last one (pure): since the oldest segment has waited.
 * A new primary has no success of its own to count from, or one of a reign long ago.
 *
 * @param oldestMs null: nothing waits, and what once failed was of another reign
 */
export function failingSince(known: { lastAtMs: number | null; oldestMs: number | null }): number | null {
  return known.oldestMs === null ? null : Math.max(known.oldestMs, known.lastAtMs ?? 0);
}

async function waitingFor(place: NodePlace): Promise<{ segments: number; oldestMs: number | null }> {
  const directory = join(place.dataDir, 'pg_wal', 'archive_status');
  const names = (await readdir(directory)).filter((name) => name.endsWith('.ready')).sort();
  const [oldest] = names;
  // Archived meanwhile.
  const seen = oldest === undefined ? null : await stat(join(directory, oldest)).catch(() => null);
  return { segments: names.length, oldestMs: seen?.mtimeMs ?? null };
}

/** How far a standby's replay is behind what its primary last said of itself; null on a primary, and when nobody knows. */
export async function lagBytesOf(place: NodePlace): Promise<number | null> {
  try {
    return await withFreshConnection(
      place,
      { what: 'how far it is behind', timeoutMs: askDeadlineMs },
      async (client) => {
        const { rows } = await client.query<{ bytes: string | null }>(
          `SELECT pg_wal_lsn_diff(latest_end_lsn, pg_last_wal_replay_lsn())::text AS bytes FROM pg_stat_wal_receiver`,
        );
        const bytes = rows[0]?.bytes;
        return bytes == null ? null : Math.max(0, Number(bytes));
      },
    );
  } catch (error) {
    if (error instanceof QuantaError || (error as { code?: string }).code !== undefined) return null;
    throw error;
  }
}

/** pgBackRest compares the timeline of the last checkpoint with that of the WAL, and gives up when they differ. */
export async function checkpointAfterPromotion(place: NodePlace): Promise<void> {
  const what = 'the checkpoint after the promotion';
  await withFreshConnection(place, { what, timeoutMs: checkpointDeadlineMs }, async (client) => {
    const { rows } = await client.query<{ same: boolean }>(
      `SELECT timeline_id = ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int AS same
         FROM pg_control_checkpoint()`,
    );
    if (rows[0]?.same !== true) await client.query('CHECKPOINT');
  });
}

/**
 * A record in WAL that a restore can stop at; what was committed before it is in, what comes after it is not.
 *
 * @returns where it is, and whether its segment has left for the archive within `archivingDeadlineMs`
 */
export async function createRestorePoint(place: NodePlace, name: string): Promise<WrittenPoint> {
  const { file, ...point } = await writeRestorePoint(place, name);
  // PostgreSQL takes this away, or renames it to `.done`, once the command has had success.
  const ready = join(place.dataDir, 'pg_wal', 'archive_status', `${file}.ready`);
  const hasLeft = async () => (existsSync(ready) ? undefined : true);
  const limits = { what: 'the segment in the archive', timeoutMs: archivingDeadlineMs, intervalMs: 100 };
  return { ...point, hasLeft: await pollUntil(hasLeft, limits).catch(() => false) };
}

async function writeRestorePoint(place: NodePlace, name: string) {
  const what = 'the restore point';
  return withFreshConnection(place, { what, timeoutMs: askDeadlineMs }, async (client) => {
    const { rows } = await client.query<{ lsn: string; file: string; at: Date }>(
      `SELECT lsn::text, pg_walfile_name(lsn) AS file, clock_timestamp() AS at
         FROM pg_create_restore_point($1) AS lsn`,
      [name],
    );
    const [row] = rows;
    if (!row) throw new QuantaError('POSTGRES_FAILED', 'the restore point was made without a position');
    // Not left to the next full segment: what is promised with a name should be safe soon.
    await client.query('SELECT pg_switch_wal()');
    return {
      name,
      file: row.file,
      timeline: Number.parseInt(row.file.slice(0, 8), 16),
      lsn: row.lsn,
      atMs: row.at.getTime(),
    };
  });
}

/** When a transaction was committed, as long as the server knows; any node of the cluster does. */
export async function commitMsOf(place: NodePlace, xid: string): Promise<number | null> {
  try {
    return await withFreshConnection(
      place,
      { what: 'a commit time', timeoutMs: askDeadlineMs },
      async (client) => {
        const { rows } = await client.query<{ at: Date | null }>(
          'SELECT pg_xact_commit_timestamp($1::xid) AS at',
          [xid],
        );
        return rows[0]?.at?.getTime() ?? null;
      },
    );
  } catch (error) {
    // Too old, aborted, or not assigned yet: then nobody knows.
    if ((error as { code?: string }).code !== undefined) return null;
    throw error;
  }
}
