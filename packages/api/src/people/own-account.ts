import { QuantaError } from '@quantadb/engine/shared/errors';
import type { PrismaClient } from '@quantadb/prisma/client';
import { RateLimit } from '../http/rate-limit.ts';
import type { Auth } from './auth.ts';

export interface SessionView {
  id: string;
  userAgent: string | null;
  address: string | null;
  createdAt: Date;
  lastSeenAt: Date;
  isThisOne: boolean;
}

const credential = 'credential';
/** Guesses of whoever sits at a screen that somebody left open. */
const guesses = { burst: 5, perSecond: 5 / 60 };

/** What people change about themselves. */
export class OwnAccount {
  private readonly prisma: PrismaClient;
  private readonly auth: Auth;
  private readonly guesses = new RateLimit(guesses);

  constructor(prisma: PrismaClient, auth: Auth) {
    this.prisma = prisma;
    this.auth = auth;
  }

  /** How somebody signs in: with a password, through an identity provider, or both. */
  async waysIn(userId: string): Promise<{ hasPassword: boolean; providers: string[] }> {
    const accounts = await this.prisma.account.findMany({ where: { userId }, select: { providerId: true } });
    const ids = accounts.map(({ providerId }) => providerId);
    return { hasPassword: ids.includes(credential), providers: ids.filter((id) => id !== credential) };
  }

  /**
   * Bounds how often somebody tries one code after the other; a right one ends the count.
   *
   * @throws QuantaError RATE_LIMITED, and whatever `act` throws for a wrong one
   */
  async guess<T>(what: 'password' | 'code', userId: string, act: () => Promise<T>): Promise<T> {
    const caller = `${what} of ${userId}`;
    const seconds = this.guesses.take(caller, Date.now());
    if (seconds === 0) {
      const result = await act();
      this.guesses.forget(caller);
      return result;
    }
    throw new QuantaError('RATE_LIMITED', 'too many passwords and codes were tried', {
      hint: `Try again in ${seconds} s.`,
    });
  }

  /** @throws QuantaError REFUSED for a wrong one and for whoever has none, RATE_LIMITED */
  async checkPassword(userId: string, password: string): Promise<void> {
    await this.guess('password', userId, () => this.comparePassword(userId, password));
  }

  private async comparePassword(userId: string, password: string): Promise<void> {
    const account = await this.prisma.account.findFirst({ where: { userId, providerId: credential } });
    if (!account?.password) {
      throw new QuantaError('REFUSED', 'this account has no password here', {
        hint: 'It signs in through the identity provider, which also keeps its password and second factor.',
      });
    }
    const { password: passwords } = await this.auth.$context;
    if (await passwords.verify({ hash: account.password, password })) return;
    throw new QuantaError('REFUSED', 'the present password is not right');
  }

  /**
   * Ends every other session: whoever knew the old password may have one.
   *
   * @throws QuantaError REFUSED, RATE_LIMITED
   */
  async changePassword(
    userId: string,
    change: { present: string; next: string; sessionId: string },
  ): Promise<{ ended: number }> {
    await this.checkPassword(userId, change.present);
    const { password: passwords } = await this.auth.$context;
    const password = await passwords.hash(change.next);
    const [, ended] = await this.prisma.$transaction([
      this.prisma.account.updateMany({ where: { userId, providerId: credential }, data: { password } }),
      this.prisma.session.deleteMany({ where: { userId, id: { not: change.sessionId } } }),
    ]);
    return { ended: ended.count };
  }

  /** @returns the name that was */
  async rename(userId: string, name: string): Promise<string> {
    const { name: before } = await this.prisma.user.findUniqueOrThrow({ where: { id: userId } });
    await this.prisma.user.update({ where: { id: userId }, data: { name } });
    return before;
  }

  async sessions(userId: string, sessionId: string): Promise<SessionView[]> {
    const rows = await this.prisma.session.findMany({
      where: { userId, expiresAt: { gt: new Date() } },
      orderBy: { createdAt: 'desc' },
    });
    return rows.map((row) => ({
      ...{ id: row.id, userAgent: row.userAgent, address: row.ipAddress, createdAt: row.createdAt },
      ...{ lastSeenAt: row.lastSeenAt ?? row.updatedAt, isThisOne: row.id === sessionId },
    }));
  }

  /** @throws QuantaError NOT_FOUND, also for a session of somebody else */
  async endSession(userId: string, id: string): Promise<void> {
    const { count } = await this.prisma.session.deleteMany({ where: { id, userId } });
    if (count === 0) throw new QuantaError('NOT_FOUND', 'no such session');
  }

  async endOtherSessions(userId: string, sessionId: string): Promise<{ ended: number }> {
    const { count } = await this.prisma.session.deleteMany({ where: { userId, id: { not: sessionId } } });
    return { ended: count };
  }
}
