import { query } from '../protocol/build.ts';

/**
 * What is learnt of a transaction right before its COMMIT is sent, so that its outcome can be found out when the answer is
 * lost. The message that the question writes makes two things certain: its position lies before the commit in WAL, and who
 * has read WAL up to it gives the id to no other transaction (without it ids of lost WAL are given out again).
 */
export interface CommitMark {
  /** With its epoch, as PostgreSQL prints xid8. */
  xid: string;
  /** The end of the message. */
  lsn: string;
  timeline: number;
  /** What its commit waits for: synchronous_commit, whoever has set it, if only for this transaction. */
  commitMode: string;
}

// On a standby, and before anything was written, there is no id and nothing else is asked.
export const markQuestion = query(
  `SELECT x, CASE WHEN x IS NOT NULL THEN pg_catalog.pg_logical_emit_message(true, 'quantadb.commit', ''::pg_catalog.text) END,
CASE WHEN x IS NOT NULL THEN pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_insert_lsn()) END,
pg_catalog.current_setting('synchronous_commit')
FROM pg_catalog.pg_current_xact_id_if_assigned() AS x`,
);

/** @returns null when the transaction has written nothing so far */
export function markOf([xid, lsn, walFile, commitMode]: readonly (string | null)[]): CommitMark | null {
  if (!xid || !lsn || !walFile || !commitMode) return null;
  return { xid, lsn, timeline: Number.parseInt(walFile.slice(0, 8), 16), commitMode };
}
