import { createHash } from 'node:crypto';

/** A strong one: the same bytes and nothing else have it. */
export function etagOf(body: string): string {
  return tagOf([body]);
}

/** Of what an answer tells, where its bytes differ each time. */
export function weakEtagOf(parts: readonly Buffer[]): string {
  return `W/${tagOf(parts)}`;
}

function tagOf(parts: readonly (string | Buffer)[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return `"${hash.digest('base64url').slice(0, 27)}"`;
}
