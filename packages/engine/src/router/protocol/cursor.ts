import { headerBytes } from './codes.ts';
import { handling, type MessageRules } from './limits.ts';

export type CursorViolation = {
  type: number;
  length: number;
  reason: 'unknown_type' | 'bad_length' | 'too_long';
};

/**
 * Walks over the messages of one direction of one connection, however the network has cut them (pure). What is whole in a
 * chunk is never copied; a message that is cut is collected, up to the limit of its kind, unless it may be passed on in
 * pieces. After `load(chunk)` every `next()` stands on one piece: `buffer[start, end)` of a message of `type`.
 *
 * A piece is only good until the next `load`, because chunks live in buffers that are read into again.
 */
export class MessageCursor {
  buffer: Buffer = nothing;
  start = 0;
  end = 0;
  type = 0;
  /** This piece begins with the header of its message. */
  isFirst = true;
  /** Nothing of the message follows this piece. */
  isLast = true;
  /** Set when the other side does not follow the protocol: nothing after it can be understood. */
  violation: CursorViolation | null = null;
  /** Collect also what is usually streamed, up to this many bytes; 0: do not. */
  collectBytesMax = 0;

  private readonly rules: MessageRules;
  private chunk: Buffer = nothing;
  private position = 0;
  private limit = 0;
  /** Bytes of the current message that have not come yet, when it is passed on in pieces. */
  private remaining = 0;
  private collected: Buffer = nothing;
  private collectedBytes = 0;
  /** How many bytes `collected` has to have before something can be done; 0: nothing is being collected. */
  private wantedBytes = 0;

  constructor(rules: MessageRules) {
    this.rules = rules;
  }

  load(chunk: Buffer, start: number, end: number): void {
    this.chunk = chunk;
    this.position = start;
    this.limit = end;
  }

  next(): boolean {
    if (this.violation !== null) return false;
    if (this.remaining > 0) return this.goOn();
    if (this.wantedBytes > 0) return this.collect();
    const { position } = this;
    const available = this.limit - position;
    if (available <= 0) return false;
    if (available < headerBytes) return this.beginCollecting(headerBytes);
    const type = this.chunk[position] as number;
    const length = lengthAt(this.chunk, position);
    const neededBytes = this.judge(type, length);
    if (neededBytes === 0) return false;
    if (neededBytes > available) return this.beginCollecting(neededBytes);
    return this.take(type, length, available);
  }

  /** Bytes that have come and that `next` has not stood on yet, or that are still being collected. */
  get unreadBytes(): number {
    return this.limit - this.position + this.collectedBytes;
  }

  /** Inside a message of which a piece was already handed over. */
  get isInside(): boolean {
    return this.remaining > 0;
  }

  /**
   * Gives back the first piece it stands on and all that follows it, as bytes of their own; the cursor stands before
   * that message again, with nothing loaded.
   */
  takeBack(): Buffer {
    const bytes = this.end - this.start;
    const rest = Buffer.allocUnsafe(bytes + this.limit - this.position);
    this.buffer.copy(rest, 0, this.start, this.end);
    this.chunk.copy(rest, bytes, this.position, this.limit);
    this.remaining = 0;
    this.isLast = true;
    this.position = this.limit;
    return rest;
  }

  /** Gives back the beginning of a message that nothing could be done about yet; the cursor stands before that message again. */
  takeCollected(): Buffer {
    const bytes = this.collected.subarray(0, this.collectedBytes);
    this.collected = nothing;
    this.collectedBytes = this.wantedBytes = 0;
    return bytes;
  }

  /** Up to where what has come can be looked at, from the piece it stands on; its own end when the rest lies elsewhere. */
  get aheadEnd(): number {
    return this.buffer === this.chunk && this.isLast ? this.limit : this.end;
  }

  /** Goes on behind what was looked at ahead. */
  skipTo(position: number): void {
    this.position = position;
  }

  /** What has come and was not looked at; null when there is nothing. Good until the chunk's memory is read into again. */
  takeUnread(): Buffer | null {
    if (this.position >= this.limit) return null;
    const rest = this.chunk.subarray(this.position, this.limit);
    this.position = this.limit;
    return rest;
  }

  private goOn(): boolean {
    const available = this.limit - this.position;
    if (available <= 0) return false;
    const bytes = Math.min(available, this.remaining);
    this.stand(this.chunk, this.position, this.position + bytes);
    this.position += bytes;
    this.remaining -= bytes;
    this.isFirst = false;
    this.isLast = this.remaining === 0;
    return true;
  }

  /** How many bytes of the message must be there to stand on it; 0 after a violation. */
  private judge(type: number, length: number): number {
    const { rules } = this;
    const how = rules.handlingOf[type] as number;
    const wholeMax = Math.max(rules.wholeMax[type] as number, this.collectBytesMax);
    if (how === handling.unknown) return this.refuse(type, length, 'unknown_type');
    if (length < 4 || length > rules.bodyMax) return this.refuse(type, length, 'bad_length');
    if (length <= wholeMax) return length + 1;
    if (how === handling.whole) return this.refuse(type, length, 'too_long');
    return Math.min(length + 1, rules.headBytes[type] as number);
  }

  private refuse(type: number, length: number, reason: CursorViolation['reason']): 0 {
    this.violation = { type, length, reason };
    return 0;
  }

  private take(type: number, length: number, available: number): boolean {
    const { position } = this;
    const total = length + 1;
    const bytes = total < available ? total : available;
    this.type = type;
    this.buffer = this.chunk;
    this.start = position;
    this.end = position + bytes;
    this.position = position + bytes;
    this.remaining = total - bytes;
    this.isFirst = true;
    this.isLast = this.remaining === 0;
    return true;
  }

  private beginCollecting(wantedBytes: number): boolean {
    this.wantedBytes = wantedBytes;
    this.collectedBytes = 0;
    this.collected = Buffer.allocUnsafe(Math.min(wantedBytes, firstAllocationBytes));
    return this.collect();
  }

  private collect(): boolean {
    for (;;) {
      const missing = this.wantedBytes - this.collectedBytes;
      const bytes = Math.min(missing, this.limit - this.position);
      this.keep(bytes);
      if (bytes < missing) return false;
      const type = this.collected[0] as number;
      const length = lengthAt(this.collected, 0);
      const neededBytes = this.judge(type, length);
      if (neededBytes === 0) return false;
      if (neededBytes > this.collectedBytes) {
        this.wantedBytes = neededBytes;
        continue;
      }
      this.type = type;
      this.stand(this.collected, 0, this.collectedBytes);
      this.remaining = length + 1 - this.collectedBytes;
      this.isFirst = true;
      this.isLast = this.remaining === 0;
      this.collectedBytes = 0;
      this.wantedBytes = 0;
      this.collected = nothing;
      return true;
    }
  }

  /** The room grows with what has really come: announcing a long message costs its sender the bytes. */
  private keep(bytes: number): void {
    const neededBytes = this.collectedBytes + bytes;
    if (neededBytes > this.collected.length) {
      const grown = Buffer.allocUnsafe(
        Math.min(this.wantedBytes, Math.max(neededBytes, this.collected.length * 2)),
      );
      this.collected.copy(grown, 0, 0, this.collectedBytes);
      this.collected = grown;
    }
    this.chunk.copy(this.collected, this.collectedBytes, this.position, this.position + bytes);
    this.collectedBytes += bytes;
    this.position += bytes;
  }

  private stand(buffer: Buffer, start: number, end: number): void {
    this.buffer = buffer;
    this.start = start;
    this.end = end;
  }
}

const nothing = Buffer.alloc(0);
const firstAllocationBytes = 4096;

/** Big-endian, signed: a length above 2 GiB is negative, and refused as such. */
function lengthAt(buffer: Buffer, position: number): number {
  return (
    ((buffer[position + 1] as number) << 24) |
    ((buffer[position + 2] as number) << 16) |
    ((buffer[position + 3] as number) << 8) |
    (buffer[position + 4] as number)
  );
}
