import type { MessageCursor } from '../protocol/cursor.ts';
import type { ServerUser } from './server-user.ts';

/** What goes to the client next: pieces that lie side by side in one buffer go together. */
export class Run {
  /** The client has got a part of a message. */
  isCut = false;
  private buffer: Buffer | null = null;
  private start = 0;
  private end = 0;

  extend(cursor: MessageCursor, user: ServerUser | null): void {
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

  drop(): void {
    this.buffer = null;
  }
}
