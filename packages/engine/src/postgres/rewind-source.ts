import type pg from 'pg';
import type { Logger } from '../shared/logger.ts';
import { withFreshConnection } from './connection.ts';
import { type NodePlace, replicationRole } from './layout.ts';
import { checkpointInBackground } from './promote.ts';

/** What pg_rewind may call on its source (PostgreSQL's page on pg_rewind, "Notes"). */
export const rewindFunctions = [
  'pg_ls_dir(text, boolean, boolean)',
  'pg_stat_file(text, boolean)',
  'pg_read_binary_file(text)',
  'pg_read_binary_file(text, bigint, bigint, boolean)',
];

export function grantOf(name: string): string {
  return `GRANT EXECUTE ON FUNCTION pg_catalog.${name} TO ${replicationRole}`;
}

const checkpointDeadlineMs = 600_000;

/** A primary as one that others can rewind to. */
export class RewindSource {
  private readonly place: NodePlace;
  private readonly logger: Logger;
  private checkpoint: Promise<void> | null = null;

  constructor(place: NodePlace, logger: Logger) {
    this.place = place;
    this.logger = logger;
  }

  /**
   * The replication role may read its files, and its control file, from which pg_rewind learns the timeline, is of this
   * reign. After a promotion that takes a checkpoint, which is begun here if it has to be; until it has ended the answer
   * is false.
   */
  async offer(): Promise<boolean> {
    const options = { what: 'preparing for a rewind', timeoutMs: 5_000 };
    const isReady = await withFreshConnection(this.place, options, async (client) => {
      await grantMissing(client);
      const { rows } = await client.query<{ ready: boolean }>(isOfThisReignSql);
      return rows[0]?.ready === true;
    });
    if (!isReady) this.checkpoint ??= this.writeCheckpoint();
    // Its control file is written before it removes old WAL, and pg_rewind takes a segment that goes meanwhile from its target.
    return isReady && this.checkpoint === null;
  }

  private async writeCheckpoint(): Promise<void> {
    const { ok, detail } = await checkpointInBackground(this.place, checkpointDeadlineMs);
    this.checkpoint = null;
    if (!ok) this.logger.warn({ detail }, 'the checkpoint that a rewind waits for failed');
  }
}

const isOfThisReignSql = `
SELECT timeline_id = ('x' || substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8))::bit(32)::int AS ready
FROM pg_control_checkpoint()`;

/** They are granted when the system is made; a database `postgres` that was dropped and made anew has lost them. */
async function grantMissing(client: pg.Client): Promise<void> {
  const { rows } = await client.query<{ name: string }>(
    "SELECT name FROM unnest($2::text[]) AS name WHERE NOT has_function_privilege($1, 'pg_catalog.' || name, 'EXECUTE')",
    [replicationRole, rewindFunctions],
  );
  if (rows.length === 0) return;
  // The node that asks may be the one that a commit would wait for.
  await client.query("SET synchronous_commit = 'local'");
  for (const { name } of rows) await client.query(grantOf(name));
}
