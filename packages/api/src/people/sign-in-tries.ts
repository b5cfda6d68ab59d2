import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { PrismaClient } from '@quantadb/prisma/client';
import { deriveKey } from '../secrets.ts';

/** How many passwords may be tried at once, and one more each so many seconds. */
interface Tries {
  burst: number;
  eachSeconds: number;
}

/** Of one account, from all addresses together, by whoever has not signed in to it before. */
const strangers: Tries = { burst: 30, eachSeconds: 60 };
/** Of one account, in one browser that has. */
const knownBrowser: Tries = { burst: 10, eachSeconds: 12 };
const placesBits = 16;
const browserBytes = 16;
export const browserKnownSeconds = 90 * 24 * 3600;
/** One alert goes on for as long as somebody goes on: it is looked for over more than the pause between two of these. */
const toldEverySeconds = 3600;
const toldForSeconds = 4200;

export type Admitted = { ok: true; key: string } | { ok: false; seconds: number; isNews: boolean };

/**
 * How often passwords of one account are tried, over all addresses and all consoles. Whoever tries all the time makes strangers
 * wait, and nobody who has signed in with the same browser before: that one is counted apart (OWASP calls it a device cookie).
 * What nobody has an account for is counted alike, so that nobody learns who has one.
 */
export class SignInTries {
  private readonly prisma: PrismaClient;
  private readonly key: Buffer;

  constructor(prisma: PrismaClient, secret: string) {
    this.prisma = prisma;
    this.key = deriveKey(secret, 'sign-in tries');
  }

  /** Counted before the password is looked at, so that many at the same moment count as well. */
  async take(email: string, browser: string | null): Promise<Admitted> {
    const id = this.browserOf(email, browser);
    const key = id === null ? this.placeOf(email) : `browser ${id}`;
    const { burst, eachSeconds } = id === null ? strangers : knownBrowser;
    const taken = await this.prisma.$executeRaw`
      INSERT INTO sign_in_tries AS mine (key, free_at) VALUES (${key}, now() + make_interval(secs => ${eachSeconds}::float8))
      ON CONFLICT (key) DO UPDATE SET free_at = greatest(mine.free_at, now()) + make_interval(secs => ${eachSeconds}::float8)
      WHERE mine.free_at <= now() + make_interval(secs => ${eachSeconds * (burst - 1)}::float8)`;
    if (taken === 1) return { ok: true, key };
    const [row] = await this.prisma.$queryRaw<{ seconds: number }[]>`
      SELECT extract(epoch FROM free_at - now())::float8 AS seconds FROM sign_in_tries WHERE key = ${key}`;
    const seconds = Math.max(1, Math.ceil((row?.seconds ?? 0) - eachSeconds * (burst - 1)));
    // Somebody who mistypes in his own browser is nothing to tell of.
    return { ok: false, seconds, isNews: id === null && (await this.isNews(key, email)) };
  }

  /** A right password is no guess. */
  async giveBack({ key }: { key: string }): Promise<void> {
    const { eachSeconds } = key.startsWith('browser ') ? knownBrowser : strangers;
    await this.prisma.$executeRaw`
      UPDATE sign_in_tries SET free_at = free_at - make_interval(secs => ${eachSeconds}::float8) WHERE key = ${key}`;
  }

  /** For a browser to show the next time, as proof that somebody has signed in to this account with it. */
  newBrowser(email: string, nowMs: number): string {
    const untilSeconds = Math.floor(nowMs / 1000) + browserKnownSeconds;
    const body = `${randomBytes(browserBytes).toString('base64url')}.${untilSeconds}`;
    return `${body}.${this.signatureOf(email, body)}`;
  }

  /** Of each account of a browser there is one. */
  cookieName(email: string): string {
    return `quantadb.known_${this.hashOf('cookie', email.toLowerCase()).toString('hex').slice(0, 12)}`;
  }

  async expire(): Promise<void> {
    await this.prisma.$executeRaw`
      DELETE FROM sign_in_tries
      WHERE free_at < now() AND (told_at IS NULL OR told_at < now() - make_interval(secs => ${toldForSeconds}::float8))`;
  }

  /** Once an hour, of whichever console. */
  private async isNews(key: string, email: string): Promise<boolean> {
    const account = email.toLowerCase();
    const told = await this.prisma.$executeRaw`
      UPDATE sign_in_tries SET told_at = now(), account = ${account}
      WHERE key = ${key} AND (told_at IS NULL OR told_at < now() - make_interval(secs => ${toldEverySeconds}::float8))`;
    return told === 1;
  }

  /** @returns the name of a browser that shows what it was given for this account */
  private browserOf(email: string, shown: string | null): string | null {
    const [id = '', until = '', signature = ''] = (shown ?? '').split('.');
    const right = Buffer.from(this.signatureOf(email, `${id}.${until}`));
    const given = Buffer.from(signature);
    if (given.length !== right.length || !timingSafeEqual(given, right)) return null;
    return Number(until) * 1000 > Date.now() ? id : null;
  }

  private signatureOf(email: string, body: string): string {
    return this.hashOf('browser', `${email.toLowerCase()}\n${body}`).toString('base64url');
  }

  /** Nobody who lacks the key can tell which accounts share one of the 65,536. */
  private placeOf(email: string): string {
    const hash = this.hashOf('account', email.toLowerCase());
    return `account ${hash.readUInt32BE() >>> (32 - placesBits)}`;
  }

  private hashOf(what: string, text: string): Buffer {
    return createHmac('sha256', this.key).update(`${what}\n${text}`).digest();
  }
}

/** Accounts of which so many passwords were tried lately that strangers had to wait. */
export async function guessedAccounts(prisma: PrismaClient): Promise<string[]> {
  const rows = await prisma.$queryRaw<{ email: string }[]>`
    SELECT email FROM sign_in_tries JOIN "user" ON email = account
    WHERE told_at > now() - make_interval(secs => ${toldForSeconds}::float8) ORDER BY email LIMIT 100`;
  return rows.map(({ email }) => email);
}
