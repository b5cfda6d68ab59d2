import { randomInt, randomUUID } from 'node:crypto';
import { QuantaError } from '@quantadb/engine/shared/errors';
import type { PrismaClient } from '@quantadb/prisma/client';
import { symmetricDecrypt, symmetricEncrypt } from 'better-auth/crypto';
import type { Auth } from './auth.ts';
import { totpUri } from './totp.ts';
import { takeCode, usedCodeWords } from './used-codes.ts';

const issuer = 'QuantaDB';
const secretCharacters = 32;
const backupCodesCount = 10;
const groupCharacters = 5;
/** Nothing that is read as something else. */
const alphabet = 'abcdefghijkmnpqrstuvwxyz23456789';

export interface NewFactor {
  uri: string;
  key: string;
  /** Each is taken once, instead of a code. */
  backupCodes: string[];
}

/** The second factor of people, in the form in which better-auth asks for it at sign-in. */
export class SecondFactor {
  private readonly prisma: PrismaClient;
  private readonly auth: Auth;

  constructor(prisma: PrismaClient, auth: Auth) {
    this.prisma = prisma;
    this.auth = auth;
  }

  /**
   * Counts only once `confirm` has seen a code; until then it may be begun anew.
   *
   * @throws QuantaError REFUSED when there is one
   */
  async begin(user: { id: string; email: string }): Promise<NewFactor> {
    const known = await this.prisma.twoFactor.findUnique({ where: { userId: user.id } });
    if (known?.verified) {
      throw new QuantaError('REFUSED', 'there is a second factor already', {
        hint: 'Take it off first; that asks for a code of it.',
      });
    }
    const secret = randomText(secretCharacters);
    const backupCodes = newBackupCodes();
    const data = {
      secret: await this.seal(secret),
      backupCodes: await this.seal(JSON.stringify(backupCodes)),
      ...{ verified: false, failedVerificationCount: 0, lockedUntil: null, lastStep: null },
    };
    await this.prisma.twoFactor.upsert({
      where: { userId: user.id },
      create: { id: randomUUID(), userId: user.id, ...data },
      update: data,
    });
    return { ...totpUri({ issuer, account: user.email, secret }), backupCodes };
  }

  /**
   * Every session but this one ends: none of them has shown the second factor.
   *
   * @throws QuantaError REFUSED for a wrong code
   */
  async confirm(userId: string, { code, sessionId }: { code: string; sessionId: string }): Promise<void> {
    const known = await this.prisma.twoFactor.findUnique({ where: { userId } });
    if (!known || known.verified)
      throw new QuantaError('REFUSED', 'no second factor waits for its first code');
    await this.take(userId, known.secret, code);
    await this.prisma.$transaction([
      this.prisma.twoFactor.update({ where: { userId }, data: { verified: true } }),
      this.prisma.user.update({ where: { id: userId }, data: { twoFactorEnabled: true } }),
      this.prisma.session.deleteMany({ where: { userId, id: { not: sessionId } } }),
    ]);
  }

  /** @throws QuantaError REFUSED for a wrong code */
  async renewBackupCodes(userId: string, code: string): Promise<string[]> {
    const known = await this.verified(userId);
    await this.take(userId, known.secret, code);
    const backupCodes = newBackupCodes();
    const data = { backupCodes: await this.seal(JSON.stringify(backupCodes)) };
    await this.prisma.twoFactor.update({ where: { userId }, data });
    return backupCodes;
  }

  /**
   * @param code of the app, or a backup code: whoever lost the telephone sets up the next one this way
   * @throws QuantaError REFUSED for a wrong code
   */
  async takeOff(userId: string, code: string): Promise<void> {
    const known = await this.verified(userId);
    const backupCodes: unknown = JSON.parse(await this.open(known.backupCodes));
    const isBackupCode = Array.isArray(backupCodes) && backupCodes.includes(code);
    if (!isBackupCode) await this.take(userId, known.secret, code);
    await this.drop(userId);
  }

  /**
   * For somebody who has neither telephone nor backup codes. Their sessions end.
   *
   * @throws QuantaError NOT_FOUND, or REFUSED when there is none
   */
  async reset(userId: string): Promise<{ email: string }> {
    const user = await this.prisma.user.findUnique({ where: { id: userId }, include: { twoFactor: true } });
    if (!user) throw new QuantaError('NOT_FOUND', 'no such person');
    if (!user.twoFactor) throw new QuantaError('REFUSED', `${user.email} has no second factor`);
    await this.drop(userId);
    await this.prisma.session.deleteMany({ where: { userId } });
    return { email: user.email };
  }

  private async take(userId: string, sealed: string, code: string): Promise<void> {
    const secret = await this.open(sealed);
    switch (await takeCode(this.prisma, { userId, secret, code })) {
      case 'taken':
        return;
      case 'wrong':
        throw wrongCode();
      case 'used':
        throw new QuantaError('REFUSED', usedCodeWords, { hint: 'Wait for the next one.' });
    }
  }

  private async drop(userId: string): Promise<void> {
    await this.prisma.$transaction([
      this.prisma.twoFactor.deleteMany({ where: { userId } }),
      this.prisma.user.update({ where: { id: userId }, data: { twoFactorEnabled: false } }),
    ]);
  }

  private async verified(userId: string): Promise<{ secret: string; backupCodes: string }> {
    const known = await this.prisma.twoFactor.findUnique({ where: { userId } });
    if (known?.verified) return known;
    throw new QuantaError('REFUSED', 'there is no second factor');
  }

  private async seal(data: string): Promise<string> {
    return symmetricEncrypt({ key: (await this.auth.$context).secretConfig, data });
  }

  private async open(data: string): Promise<string> {
    return symmetricDecrypt({ key: (await this.auth.$context).secretConfig, data });
  }
}

function wrongCode(): QuantaError {
  return new QuantaError('REFUSED', 'the code is not right', {
    hint: 'Wait for the next one; the clock of your telephone must be right.',
  });
}

function newBackupCodes(): string[] {
  return Array.from(
    { length: backupCodesCount },
    () => `${randomText(groupCharacters)}-${randomText(groupCharacters)}`,
  );
}

function randomText(characters: number): string {
  return Array.from({ length: characters }, () => alphabet[randomInt(alphabet.length)]).join('');
}
