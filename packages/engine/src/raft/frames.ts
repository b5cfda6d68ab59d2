import { z } from 'zod';
import { QuantaError } from '../shared/errors.ts';
import { chunkLengthDefault, snapshotLengthMax } from './snapshot-transfer.ts';
import type { Message } from './types.ts';

export const frameFormatVersion = 1;
export const frameBytesMax = 8 * 1024 * 1024;
const headerBytes = 5;

const id = z.number().int().min(1);
const index = z.number().int().min(0);

const peerSchema = z.object({
  id,
  name: z.string().max(64),
  host: z.string().max(255),
  port: z.number().int().min(1).max(65_535),
  role: z.enum(['voter', 'learner']),
});
const configurationSchema = z.array(peerSchema).max(64);
const entrySchema = z.discriminatedUnion('kind', [
  z.object({ index: id, term: id, kind: z.literal('noop') }),
  z.object({ index: id, term: id, kind: z.literal('command'), data: z.string() }),
  z.object({ index: id, term: id, kind: z.literal('configuration'), peers: configurationSchema }),
]);
const snapshotChunkSchema = z.object({
  index,
  term: index,
  configuration: configurationSchema,
  data: z.string().max(chunkLengthDefault),
  offset: index,
  size: index.max(snapshotLengthMax),
});

const envelope = { from: id, to: id, term: index };
const voteRequest = { ...envelope, lastIndex: index, lastTerm: index, transfer: z.boolean() };
const messageSchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('pre_vote'), ...voteRequest }),
  z.object({ type: z.literal('vote'), ...voteRequest }),
  z.object({ type: z.literal('pre_vote_reply'), ...envelope, granted: z.boolean() }),
  z.object({ type: z.literal('vote_reply'), ...envelope, granted: z.boolean() }),
  z.object({
    type: z.literal('append'),
    ...envelope,
    prevIndex: index,
    prevTerm: index,
    entries: z.array(entrySchema),
    commit: index,
  }),
  z.object({ type: z.literal('append_reply'), ...envelope, matchIndex: index }),
  z.object({
    type: z.literal('append_rejected'),
    ...envelope,
    rejectedIndex: index,
    hintIndex: index,
    hintTerm: index,
  }),
  z.object({ type: z.literal('heartbeat'), ...envelope, commit: index, round: index }),
  z.object({ type: z.literal('heartbeat_reply'), ...envelope, round: index }),
  z.object({ type: z.literal('snapshot'), ...envelope, chunk: snapshotChunkSchema }),
  z.object({ type: z.literal('snapshot_reply'), ...envelope, index, received: index }),
  z.object({ type: z.literal('timeout_now'), ...envelope }),
  z.object({ type: z.literal('term_notice'), ...envelope }),
]);

const epoch = z.number().int().min(1);
const leaseRenewalSchema = z.object({
  kind: z.literal('lease-renewal'),
  sequence: id,
  epoch,
  body: z.string().max(65_536),
});
const leaseReplySchema = z.object({
  kind: z.literal('lease-reply'),
  sequence: id,
  ok: z.boolean(),
  reason: z.string().max(200),
});

const frameSchema = z.discriminatedUnion('kind', [
  /** First on every connection: who speaks, and where it can be reached when no configuration says so yet. */
  z.object({
    kind: z.literal('hello'),
    clusterId: z.string().max(64),
    from: peerSchema.omit({ role: true }),
    /** Release of the daemon, for people who read logs during an upgrade. */
    version: z.string().max(64),
  }),
  z.object({ kind: z.literal('raft'), message: messageSchema }),
  leaseRenewalSchema,
  leaseReplySchema,
  z.object({ kind: z.literal('ping'), sequence: id }),
  z.object({ kind: z.literal('pong'), sequence: id }),
]);

export type Frame = z.infer<typeof frameSchema>;
export type HelloFrame = Extract<Frame, { kind: 'hello' }>;
export type LeaseRenewalFrame = z.infer<typeof leaseRenewalSchema>;
export type LeaseReplyFrame = z.infer<typeof leaseReplySchema>;
/** What the transport hands on; hello, ping and pong are its own business. */
export type PayloadFrame = { kind: 'raft'; message: Message } | LeaseRenewalFrame | LeaseReplyFrame;

/** Length of what follows (4 bytes, big-endian), format version (1 byte), JSON. */
export function encodeFrame(frame: Frame | PayloadFrame): Buffer {
  const body = Buffer.from(JSON.stringify(frame), 'utf8');
  const encoded = Buffer.allocUnsafe(headerBytes + body.length);
  encoded.writeUInt32BE(body.length + 1, 0);
  encoded[4] = frameFormatVersion;
  body.copy(encoded, headerBytes);
  return encoded;
}

/** Puts frames together from whatever pieces a stream delivers. Holds at most one frame's bytes. */
export class FrameReader {
  private pieces: Buffer[] = [];
  private bytes = 0;

  /**
   * @throws QuantaError PROTOCOL_VIOLATION: too large, of an unknown version, or not one of our frames
   */
  push(piece: Buffer): Frame[] {
    this.pieces.push(piece);
    this.bytes += piece.length;
    const frames: Frame[] = [];
    for (;;) {
      const frame = this.next();
      if (!frame) return frames;
      frames.push(frame);
    }
  }

  private next(): Frame | null {
    if (this.bytes < headerBytes) return null;
    const length = this.peekLength();
    if (length < 1 || length > frameBytesMax) {
      throw new QuantaError('PROTOCOL_VIOLATION', `a frame of ${length} bytes`);
    }
    if (this.bytes < 4 + length) return null;
    const all = this.joined();
    const version = all[4];
    const body = all.toString('utf8', headerBytes, 4 + length);
    this.pieces = [all.subarray(4 + length)];
    this.bytes = all.length - 4 - length;
    if (version !== frameFormatVersion) {
      throw new QuantaError('PROTOCOL_VIOLATION', `a frame of format version ${version}`, {
        hint: 'Upgrade the daemons one after another to versions that are next to each other.',
      });
    }
    return parseFrame(body);
  }

  private peekLength(): number {
    const first = this.pieces[0];
    return (first && first.length >= 4 ? first : this.joined()).readUInt32BE(0);
  }

  private joined(): Buffer {
    if (this.pieces.length > 1) this.pieces = [Buffer.concat(this.pieces)];
    return this.pieces[0] ?? Buffer.alloc(0);
  }
}

function parseFrame(text: string): Frame {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new QuantaError('PROTOCOL_VIOLATION', 'a frame that is no JSON', { cause: error });
  }
  const parsed = frameSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new QuantaError('PROTOCOL_VIOLATION', `not a frame: ${parsed.error.issues[0]?.message ?? 'unknown'}`);
}
