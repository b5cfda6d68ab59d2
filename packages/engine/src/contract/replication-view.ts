import { z } from 'zod';

/** What one PostgreSQL says of the WAL it sends, receives and keeps (pg_stat_replication, pg_stat_wal_receiver, pg_replication_slots). */

export const replicationRowsMax = 200;
const bytes = z.number().nullable();

export const senderSchema = z.object({
  /** The node, or the name that another reader gave itself. */
  name: z.string().max(200),
  /** Where it connects from; null: over a socket. */
  client: z.string().max(100).nullable(),
  /** In PostgreSQL's words: startup, catchup, streaming, backup, stopping. */
  state: z.string().max(40),
  /** In PostgreSQL's words: async, potential, sync, quorum. */
  sync: z.string().max(40),
  /** The slot that it reads through. */
  slot: z.string().max(64).nullable(),
  /** What it has not yet been sent, written, flushed and replayed of this server's WAL. */
  sentBytes: bytes,
  writeBytes: bytes,
  flushBytes: bytes,
  replayBytes: bytes,
  /** How long it took until it was written, flushed and replayed there, as last measured; null while there is nothing to measure. */
  writeMs: z.number().nullable(),
  flushMs: z.number().nullable(),
  replayMs: z.number().nullable(),
});
export type Sender = z.infer<typeof senderSchema>;

export const slotViewSchema = z.object({
  name: z.string().max(64),
  kind: z.enum(['physical', 'logical']),
  database: z.string().max(64).nullable(),
  isActive: z.boolean(),
  /** In PostgreSQL's words: reserved, extended, unreserved, lost; null: it keeps nothing. */
  walStatus: z.string().max(40).nullable(),
  /** WAL that must not be removed because of it. */
  keptBytes: bytes,
  /** How much may still be written until it may lose its WAL; null: no limit is set (max_slot_wal_keep_size). */
  safeBytes: bytes,
});
export type SlotView = z.infer<typeof slotViewSchema>;

export const receiverSchema = z.object({
  status: z.string().max(40),
  /** host:port */
  from: z.string().max(300),
  slot: z.string().max(64).nullable(),
});

export const replicationAnswerSchema = z.object({
  isStandby: z.boolean(),
  senders: z.array(senderSchema).max(replicationRowsMax),
  /** Of a standby; null: it receives from nobody. */
  receiver: receiverSchema.nullable(),
  slots: z.array(slotViewSchema).max(replicationRowsMax),
  /** Of a standby: queries that were cancelled because replay could not wait for them, since statistics began. */
  conflicts: z.record(z.string(), z.number()).nullable(),
});
export type ReplicationAnswer = z.infer<typeof replicationAnswerSchema>;
