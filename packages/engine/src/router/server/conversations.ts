import type { MessageCursor } from '../protocol/cursor.ts';
import type { Expectations } from './expectations.ts';
import type { Expected, Internal } from './server-user.ts';

/** What is said to the router itself is collected up to this length, as it has to be read; to clients it goes in pieces. */
export const internalBytesMax = 64 * 1024;

/** A value may be as long as PostgreSQL allows, and is a client's: what does not come whole is never looked into. */
export function hear(cursor: MessageCursor, { headItem }: Expectations<Expected>): void {
  const internal = headItem as Internal;
  if (!cursor.isFirst) return;
  if (cursor.isLast) internal.message(cursor.type, cursor.buffer, cursor.start, cursor.end);
  else internal.tooLong();
}
