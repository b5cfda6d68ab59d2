import { sql, type TestNode } from '../../postgres/testing/test-cluster.ts';
import { pollUntil } from '../../shared/deadline.ts';

/** As when the server dies under a statement: returns when they are gone. */
export async function endBackends(primary: TestNode, condition: string): Promise<void> {
  const where = `datname = 'app' AND ${condition}`;
  const ended = await sql<{ pid: number }>(
    primary,
    `WITH ended AS MATERIALIZED (SELECT pid FROM pg_stat_activity WHERE ${where})
    SELECT pid, pg_terminate_backend(pid) FROM ended`,
  );
  const pids = ended.map(({ pid }) => pid).join(',') || '0';
  const gone = async () => {
    const left = await sql(primary, `SELECT 1 FROM pg_stat_activity WHERE pid IN (${pids})`);
    return left.length === 0 ? true : undefined;
  };
  await pollUntil(gone, { what: 'they are gone', timeoutMs: 5000, intervalMs: 10 });
}

export async function untilRuns(primary: TestNode, text: string): Promise<void> {
  const runs = async () => {
    const rows = await sql(
      primary,
      `SELECT 1 FROM pg_stat_activity WHERE state = 'active' AND pid <> pg_backend_pid() AND query LIKE '%${text}%'`,
    );
    return rows.length > 0 ? true : undefined;
  };
  await pollUntil(runs, { what: `${text} runs`, timeoutMs: 5000, intervalMs: 10 });
}

/** Of the catalogue alone. The statement comes back when it has been asked again often enough. */
export const slowRead =
  'SELECT count(*) FROM pg_class a, pg_class b, pg_am c, pg_am d WHERE length(a.relname) + length(b.relname) > 5';
