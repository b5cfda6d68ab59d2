import type pg from 'pg';
import { pollUntil } from '../shared/deadline.ts';

/** A statement that began before commits had to wait may still be acknowledged by this server alone. */
export async function olderStatementsEnd(pool: Pick<pg.Pool, 'query'>, timeoutMs: number): Promise<void> {
  const older = await statementsNow(pool);
  const ended = async () => {
    const now = new Set(await statementsNow(pool));
    return older.some((statement) => now.has(statement)) ? undefined : true;
  };
  await pollUntil(ended, { what: 'older statements end', timeoutMs, intervalMs: 50 });
}

/** A session between two statements reads the settings again before its next one. */
async function statementsNow(pool: Pick<pg.Pool, 'query'>): Promise<string[]> {
  const { rows } = await pool.query<{ id: string }>(
    `SELECT pid || '@' || extract(epoch FROM query_start) AS id FROM pg_stat_activity
     WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()
       AND state NOT IN ('idle', 'idle in transaction', 'idle in transaction (aborted)')`,
  );
  return rows.map((row) => row.id);
}
