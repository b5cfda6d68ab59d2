import { createHmac, timingSafeEqual } from 'node:crypto';

/** Codes that change every half minute (RFC 6238, SHA-1, six digits), as every authenticator app makes them (pure). */

const periodMs = 30_000;
const digits = 6;
/** Clocks of phones are a little off: the code before and the one after are right as well. */
const stepsAside = 1;

export function totpCode(secret: string, atMs: number): string {
  return codeOfStep(secret, Math.floor(atMs / periodMs));
}

/** @returns the half minute that a code is of, which tells it from every other one; null: it is not right */
export function totpStepOf(
  code: string,
  { secret, nowMs }: { secret: string; nowMs: number },
): number | null {
  const now = Math.floor(nowMs / periodMs);
  const given = Buffer.from(code);
  let found: number | null = null;
  for (let step = now - stepsAside; step <= now + stepsAside; step += 1) {
    const expected = Buffer.from(codeOfStep(secret, step));
    // All of them are compared, so that the time it takes tells nothing.
    if (given.length === expected.length && timingSafeEqual(given, expected)) found = step;
  }
  return found;
}

/** What the QR code says, and what is typed where there is no camera. */
export function totpUri({ issuer, account, secret }: { issuer: string; account: string; secret: string }): {
  uri: string;
  key: string;
} {
  const key = base32(Buffer.from(secret));
  const query = new URLSearchParams({ secret: key, issuer, digits: String(digits), period: '30' });
  return { uri: `otpauth://totp/${encodeURIComponent(issuer)}:${encodeURIComponent(account)}?${query}`, key };
}

/** RFC 4226, section 5.3. */
function codeOfStep(secret: string, step: number): string {
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(step));
  const digest = createHmac('sha1', secret).update(counter).digest();
  const offset = (digest.at(-1) ?? 0) & 0x0f;
  const value = digest.readUInt32BE(offset) & 0x7fff_ffff;
  return String(value % 10 ** digits).padStart(digits, '0');
}

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
const bitsOfDigit = 5;

/** RFC 4648, without padding. */
function base32(bytes: Buffer): string {
  const bits = [...bytes].map((byte) => byte.toString(2).padStart(8, '0')).join('');
  const groups = bits.match(new RegExp(`.{1,${bitsOfDigit}}`, 'g')) ?? [];
  return groups.map((group) => alphabet[Number.parseInt(group.padEnd(bitsOfDigit, '0'), 2)]).join('');
}
