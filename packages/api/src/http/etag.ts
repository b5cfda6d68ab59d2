import { createHash } from 'node:crypto';

/** A strong one: the same bytes and nothing else have it. */
export function etagOf(body: string | Buffer): string {
  return `"${createHash('sha256').update(body).digest('base64url').slice(0, 27)}"`;
}
