import type { PrismaClient } from '@quantadb/prisma/client';
import { totpStepOf } from './totp.ts';

export const usedCodeWords = 'this code was used already';

/** A code counts once (RFC 6238, section 5.2), on whichever console: one that somebody has read along opens nothing. */
export async function takeCode(
  prisma: Pick<PrismaClient, 'twoFactor'>,
  { userId, secret, code }: { userId: string; secret: string; code: string },
): Promise<'taken' | 'wrong' | 'used'> {
  const step = totpStepOf(code, { secret, nowMs: Date.now() });
  if (step === null) return 'wrong';
  const isNewer = [{ lastStep: null }, { lastStep: { lt: step } }];
  const { count } = await prisma.twoFactor.updateMany({
    where: { userId, OR: isNewer },
    data: { lastStep: step },
  });
  return count === 1 ? 'taken' : 'used';
}
