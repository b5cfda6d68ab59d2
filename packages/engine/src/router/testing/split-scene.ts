import type pg from 'pg';
import { sql, type TestNode } from '../../postgres/testing/test-cluster.ts';
import { pollUntil } from '../../shared/deadline.ts';
import { bind, execute, parse, sync } from '../protocol/build.ts';
import { RawClient } from './raw-client.ts';
import { application } from './router-fixture.ts';

/** What tests of the read/write split share: clients of it, whole messages, and waiting for the standby. */

export const whereRead = "SELECT current_setting('in_hot_standby')";

export function loginToSplit(port: number, consistency: string): Promise<RawClient> {
  return RawClient.login(port, [
    ['user', application.role],
    ['database', application.database],
    ['options', `-c quantadb.split=on -c quantadb.consistency=${consistency}`],
  ]);
}

export const one = (text: string) => [parse('', text), bind('', '', []), execute('')];
export const batch = (text: string) => [...one(text), sync];

/** @param prefix before the statement, as a hint is */
export async function isStandby(client: pg.Client, prefix = ''): Promise<boolean> {
  const { rows } = await client.query(`${prefix}${whereRead} AS standby`);
  return rows[0].standby === 'on';
}

/** The catalogue of functions is read with the first connection. */
export async function untilSplit(client: pg.Client): Promise<void> {
  await pollUntil(async () => ((await isStandby(client)) ? true : undefined), {
    what: 'a read goes to the standby',
    timeoutMs: 5000,
    intervalMs: 20,
  });
}

/** What has been made on the primary is there on the standby, too. */
export async function untilReplayed(primary: TestNode, standby: TestNode): Promise<void> {
  const [written] = await sql<{ lsn: string }>(primary, 'SELECT pg_current_wal_lsn()::text AS lsn');
  const has = async () => {
    const behind = `SELECT pg_last_wal_replay_lsn() >= '${written?.lsn}' AS has`;
    return (await sql<{ has: boolean }>(standby, behind))[0]?.has || undefined;
  };
  await pollUntil(has, { what: 'the standby has replayed it', timeoutMs: 10_000, intervalMs: 10 });
}
