import type { MessageCursor } from '../protocol/cursor.ts';
import type { ServerUser } from './server-user.ts';

/** What goes to the client next: pieces that lie side by side in one buffer go together. */
export class Run {
  /** The client has got a part of a message. */
  isCut = false;
  /** The rest of this answer is not told: an error has ended it already, or it is asked for again. */
  isMuted = false;
  private buffer: Buffer | null = null;
  private start = 0;
  private end = 0;

  /** A part of an answer. */
  extend(cursor: MessageCursor, user: ServerUser | null): void {
    if (!this.isMuted) this.pass(cursor, user);
  }

  /** Something said of its own accord. */
  pass(cursor: MessageCursor, user: ServerUser | null): void {
    if (this.buffer === cursor.buffer && this.end === cursor.start) {
      this.end = cursor.end;
    } else {
      this.emit(user);
      this.buffer = cursor.buffer;
      this.start = cursor.start;
      this.end = cursor.end;
    }
    this.isCut = !cursor.isLast;
  }

  emit(user: ServerUser | null): void {
    const { buffer } = this;
    if (buffer === null) return;
    this.buffer = null;
    user?.forward(buffer, this.start, this.end);
  }

  /** Words of the router's own, in their place. */
  say(bytes: Buffer, user: ServerUser | null): void {
    if (this.isMuted) return;
    this.emit(user);
    user?.forward(bytes, 0, bytes.length);
  }

  /** Ends the answer with them: what PostgreSQL still says of it is not told. */
  sayLast(bytes: Buffer, user: ServerUser | null): void {
    this.say(bytes, user);
    this.isMuted = true;
  }

  drop(): void {
    this.buffer = null;
  }
}
