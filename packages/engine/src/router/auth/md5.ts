import { createHash, timingSafeEqual } from 'node:crypto';

/** The old password exchange: `md5` + md5(md5(password + role) + salt); the inner hash is what PostgreSQL stores. */
export function md5Answer(hash: string, salt: Buffer): string {
  return `md5${createHash('md5').update(hash).update(salt).digest('hex')}`;
}

export function isMd5Answer(given: string, hash: string, salt: Buffer): boolean {
  const expected = Buffer.from(md5Answer(hash, salt));
  const answer = Buffer.from(given);
  return answer.length === expected.length && timingSafeEqual(answer, expected);
}
